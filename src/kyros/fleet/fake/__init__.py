"""What agents need of a machine, in memory: for tests of the rooms above, without disk or process."""

from kyros.fleet.fake.approvals import FakeApprovals
from kyros.fleet.fake.drift import FakeDrift
from kyros.fleet.fake.ledger import FakeBudgets, FakeLedger, FakePauses
from kyros.fleet.fake.machine import FakeMachine, FakeSecretScanner, FakeWatched
from kyros.fleet.fake.recordings import (
    FakeRecording,
    FakeRecordings,
    FakeShelf,
    FakeTranscript,
    FakeTranscripts,
)
from kyros.fleet.fake.sessions import FakeExecutions, FakeFolders, FakeSessions
from kyros.fleet.fake.turns import FakeTurns
from kyros.fleet.fake.worktrees import ROOT, Branches, FakeBranches, FakeWorktrees, Files

__all__ = [
    "ROOT",
    "Branches",
    "FakeApprovals",
    "FakeBranches",
    "FakeBudgets",
    "FakeDrift",
    "FakeExecutions",
    "FakeFolders",
    "FakeLedger",
    "FakeMachine",
    "FakePauses",
    "FakeRecording",
    "FakeRecordings",
    "FakeSecretScanner",
    "FakeSessions",
    "FakeShelf",
    "FakeTranscript",
    "FakeTranscripts",
    "FakeTurns",
    "FakeWatched",
    "FakeWorktrees",
    "Files",
]
