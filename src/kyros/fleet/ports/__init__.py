"""What agents at work need from the machine they work on, and what is kept of their work."""

from kyros.fleet.ports.drift import Drift
from kyros.fleet.ports.machine import Machine, SecretScanner
from kyros.fleet.ports.recordings import Recording, RecordingFiles, Recordings
from kyros.fleet.ports.sessions import Executions, Folders, Sessions
from kyros.fleet.ports.turns import Turns
from kyros.fleet.ports.worktrees import Worktrees

__all__ = [
    "Drift",
    "Executions",
    "Folders",
    "Machine",
    "Recording",
    "RecordingFiles",
    "Recordings",
    "SecretScanner",
    "Sessions",
    "Turns",
    "Worktrees",
]
