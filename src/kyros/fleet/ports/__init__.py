"""What agents at work need from the machine they work on, and what is kept of their work."""

from kyros.fleet.ports.approvals import Approvals
from kyros.fleet.ports.budgets import Budgets
from kyros.fleet.ports.drift import Drift
from kyros.fleet.ports.machine import Machine, SecretScanner, Watched
from kyros.fleet.ports.pauses import Pauses
from kyros.fleet.ports.recordings import Recording, RecordingFiles, Recordings, RecordingShelf
from kyros.fleet.ports.sessions import Executions, Folders, Sessions
from kyros.fleet.ports.transcripts import Transcript, TranscriptFiles, Transcripts
from kyros.fleet.ports.turns import Turns
from kyros.fleet.ports.usage import Ledger
from kyros.fleet.ports.worktrees import Worktrees

__all__ = [
    "Approvals",
    "Budgets",
    "Drift",
    "Executions",
    "Folders",
    "Ledger",
    "Machine",
    "Pauses",
    "Recording",
    "RecordingFiles",
    "RecordingShelf",
    "Recordings",
    "SecretScanner",
    "Sessions",
    "Transcript",
    "TranscriptFiles",
    "Transcripts",
    "Turns",
    "Watched",
    "Worktrees",
]
