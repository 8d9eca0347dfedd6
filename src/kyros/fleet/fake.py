"""What agents need of a machine, in memory: for tests of the rooms above, without disk or process."""

import hashlib
import posixpath
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePath
from typing import Protocol

from kyros.drivers.model import ResultKind
from kyros.engine.model import NewJob
from kyros.engine.ports import Queue
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.errors import ExecutionNotFound, FolderRefused, PoolBusy, PushRefused, WorktreeNotFound
from kyros.fleet.model import (
    CUT_OFF,
    EXECUTION_MOVES,
    Approval,
    Change,
    CheckResult,
    Execution,
    ExecutionState,
    SecretFinding,
    SessionRow,
    Standing,
    Turn,
)

Files = Mapping[str, bytes]
ROOT = Path("/fake/worktrees")


class FakeTurns:
    """ports.Turns as a dict."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._turns: dict[str, Turn] = {}

    async def begin(self, turn: Turn) -> None:
        self._tell("turn_started", turn.agent, turn, {})
        for old in await self.of_run(turn.run_id):
            if old.ended_at is None:
                self._turns[old.id] = replace(
                    old, ended_at=turn.started_at, result_kind=ResultKind.LOST, note=CUT_OFF
                )
        self._turns[turn.id] = turn

    async def approve(self, turn: Turn, approval: Approval) -> None:
        known = self._turns[turn.id]
        self._tell("approval_decided", "policy", turn, asdict(approval))
        self._turns[turn.id] = replace(known, approvals=(*known.approvals, approval))

    async def end(self, turn: Turn) -> None:
        details = {"result": turn.result_kind, "note": turn.note}
        self._tell("turn_ended", turn.agent, turn, details)
        self._turns[turn.id] = replace(turn, approvals=self._turns[turn.id].approvals)

    async def of_run(self, run_id: str) -> Sequence[Turn]:
        mine = [turn for turn in self._turns.values() if turn.run_id == run_id]
        return sorted(mine, key=lambda turn: turn.started_at)

    def _tell(self, event: str, actor: str, turn: Turn, details: Mapping[str, object]) -> None:
        self._outbox.append_in(None, [NewEvent(event, actor, turn.run_id, {**turn.facts(), **details})])


class FakeSessions:
    """ports.Sessions as a dict."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.rows: dict[str, SessionRow] = {}

    async def add(self, row: SessionRow) -> None:
        self._tell("session_started", row, {})
        self.rows[row.id] = row

    async def put(self, row: SessionRow) -> None:
        known = self.rows.get(row.id)
        if known is not None and known.ended_at is None:
            if row.ended_at is not None:
                self._tell("session_ended", row, {"why": row.why})
            self.rows[row.id] = replace(row, stop_asked=known.stop_asked)

    async def live(self) -> Sequence[SessionRow]:
        return sorted((row for row in self.rows.values() if row.ended_at is None), key=lambda row: row.id)

    async def of_task(self, task_id: str) -> Sequence[str]:
        return [row.id for row in await self.live() if row.current_task == task_id]

    async def ended(self, session_ids: Collection[str]) -> Collection[str]:
        live = {row.id for row in await self.live()}
        return {one for one in session_ids if one not in live}

    async def ask_stop_all(self) -> None:
        for row in await self.live():
            self.rows[row.id] = replace(row, stop_asked=True)

    async def end(self, session_id: str, why: str, at: str) -> None:
        if (row := self.rows.get(session_id)) is not None:
            await self.put(replace(row, standing=Standing.ENDED, ended_at=at, why=why))

    async def prune(self, keep: int) -> int:
        over = sorted(row.id for row in self.rows.values() if row.ended_at is not None)
        old = over[: max(0, len(over) - keep)]
        for one in old:
            del self.rows[one]
        return len(old)

    def _tell(self, event: str, row: SessionRow, details: Mapping[str, object]) -> None:
        self._outbox.append_in(None, [NewEvent(event, "kyros", row.id, {**row.facts(), **details})])


class FakeExecutions:
    """ports.Executions as a dict; their jobs go to `queue`."""

    def __init__(self, outbox: Outbox, queue: Queue) -> None:
        self._outbox = outbox
        self._queue = queue
        self.rows: dict[str, Execution] = {}

    async def create(self, execution: Execution, most_queued: int) -> None:
        waiting = [one for one in self.rows.values() if one.state is ExecutionState.QUEUED]
        if len(waiting) >= most_queued:
            raise PoolBusy(f"{most_queued} executions wait already: try again later.", retry_after_seconds=5)
        self._tell("execution_asked", execution.asked_by, execution, {})
        self.rows[execution.id] = execution
        job = {"execution_id": execution.id}
        await self._queue.enqueue(NewJob("fleet.execute", job, f"execution:{execution.id}"))

    async def get(self, execution_id: str) -> Execution:
        if execution_id not in self.rows:
            raise ExecutionNotFound(f"There is no execution {execution_id}.")
        return self.rows[execution_id]

    async def begin(self, execution_id: str, turn_id: str) -> bool:
        known = self.rows.get(execution_id)
        if known is None or known.state is not ExecutionState.QUEUED or known.stop_asked:
            return False
        self.rows[execution_id] = replace(known, state=ExecutionState.RUNNING, turn_id=turn_id)
        return True

    async def end(
        self, execution_id: str, state: ExecutionState, note: str, at: str, output: str = ""
    ) -> Execution:
        known = await self.get(execution_id)
        if not known.is_over:
            EXECUTION_MOVES.check(known.state, state)
            self._tell("execution_ended", "kyros", known, {"state": state, "note": note})
            self.rows[execution_id] = replace(known, state=state, note=note, output=output, ended_at=at)
        return self.rows[execution_id]

    async def cancel_queued(self, execution_id: str, note: str, at: str) -> bool:
        if (await self.get(execution_id)).state is not ExecutionState.QUEUED:
            return False
        await self.end(execution_id, ExecutionState.CANCELLED, note, at)
        return True

    async def ask_stop(self, execution_id: str) -> None:
        known = self.rows.get(execution_id)
        if known is not None and not known.is_over:
            self.rows[execution_id] = replace(known, stop_asked=True)

    async def unfinished(self) -> Sequence[Execution]:
        return sorted((one for one in self.rows.values() if not one.is_over), key=lambda one: one.id)

    def _tell(self, event: str, actor: str, one: Execution, details: Mapping[str, object]) -> None:
        self._outbox.append_in(None, [NewEvent(event, actor, one.id, {**one.facts(), **details})])


@dataclass
class FakeFolders:
    """ports.Folders without a disk: what lies below `allowed` may be named."""

    allowed: str = "/fake/shared"
    made: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    async def make(self, session_id: str) -> Path:
        self.made.append(session_id)
        return Path("/fake/agents") / session_id / "work"

    async def remove(self, session_id: str) -> None:
        self.removed.append(session_id)

    async def permitted(self, name: str) -> Path:
        if not Path(name).is_relative_to(self.allowed):
            raise FolderRefused(f"{name} is not below {self.allowed}.")
        return Path(name)


class Branches(Protocol):
    """A bare repository as FakeWorktrees sees it."""

    def files(self, project_id: str, sha: str) -> Files: ...

    def head(self, project_id: str, branch: str) -> str | None: ...

    def record(self, files: Files, parent: str | None, words: str) -> str:
        """A commit on no branch; the same values make the same sha."""
        ...

    def move(self, project_id: str, branch: str, sha: str) -> None: ...


class FakeBranches:
    """Commits as snapshots of files, and where each branch is."""

    def __init__(self) -> None:
        self._snapshots: dict[str, Files] = {}
        self._heads: dict[tuple[str, str], str] = {}

    def files(self, project_id: str, sha: str) -> Files:
        return self._snapshots[sha]

    def head(self, project_id: str, branch: str) -> str | None:
        return self._heads.get((project_id, branch))

    def record(self, files: Files, parent: str | None, words: str) -> str:
        text = repr((sorted(files.items()), parent, words))
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self._snapshots[sha] = dict(files)
        return sha

    def move(self, project_id: str, branch: str, sha: str) -> None:
        self._heads[project_id, branch] = sha


@dataclass(frozen=True)
class _Lent:
    """`tip` is what the branch has of it: whatever differs is saved nowhere else."""

    project_id: str
    files: dict[str, bytes]
    tip: str


class FakeWorktrees:
    """ports.Worktrees as one dict of files a run. `write` and `delete` stand for the agent; what was
    left uncommitted is found in `kept`, by run."""

    def __init__(self, branches: Branches) -> None:
        self._branches = branches
        self._lent: dict[str, _Lent] = {}
        self._places: dict[str, Path] = {}
        self._reserved: dict[str, tuple[str, str]] = {}
        self.doubted: list[Path] = []
        self.strange: list[Path] = []
        self.missing: list[Path] = []
        self.kept: dict[str, list[Files]] = {}

    def write(self, run_id: str, path: str, content: bytes) -> None:
        self._of(run_id).files[path] = content

    def delete(self, run_id: str, path: str) -> None:
        del self._of(run_id).files[path]

    def files(self, run_id: str) -> Files:
        return dict(self._of(run_id).files)

    async def lend(
        self, run_id: str, project_id: str, bare: Path, branch: str, sha: str, profile: str = ""
    ) -> Path:
        files = dict(self._branches.files(project_id, sha))
        if run_id in self._lent:
            self._keep(run_id)
        self._lent[run_id] = _Lent(project_id, files, sha)
        if run_id not in self._places or self._places[run_id] in self.doubted:
            again = f".{len(self.doubted)}" if run_id in self._places else ""
            self._places[run_id] = self._warm(project_id, profile) or ROOT / f"{run_id}{again}"
        return self._places[run_id]

    async def path_of(self, run_id: str) -> Path | None:
        return self._places[run_id] if run_id in self._lent else None

    async def reserve(self, session_id: str, project_id: str, bare: Path, sha: str, profile: str) -> Path:
        self._reserved[session_id] = (project_id, profile)
        return ROOT / session_id

    async def unreserve(self, session_id: str) -> bool:
        return self._reserved.pop(session_id, None) is not None

    async def reserved(self) -> Sequence[str]:
        return list(self._reserved)

    async def unknown(self) -> Sequence[Path]:
        return self.strange

    async def is_there(self, folder: Path) -> bool:
        return folder not in self.missing

    async def doubt(self, folder: Path) -> None:
        self.doubted.append(folder)

    def _warm(self, project_id: str, profile: str) -> Path | None:
        found = next((one for one, kind in self._reserved.items() if kind == (project_id, profile)), None)
        if found is None:
            return None
        del self._reserved[found]
        return ROOT / found

    async def changes(self, run_id: str, since: str) -> Sequence[Change]:
        lent = self._of(run_id)
        return _differences(self._branches.files(lent.project_id, since), lent.files)

    async def commit(
        self, run_id: str, parent: str, paths: Sequence[str], message: str, author: tuple[str, str], when: int
    ) -> str:
        lent = self._of(run_id)
        below = self._branches.files(lent.project_id, parent)
        files = {path: content for path, content in below.items() if path not in paths}
        files |= {path: lent.files[path] for path in paths if path in lent.files}
        if files == dict(below):
            return parent
        return self._branches.record(files, parent, repr((message, author, when)))

    async def push(self, run_id: str, branch: str, sha: str, expected: str) -> None:
        lent = self._of(run_id)
        now = self._branches.head(lent.project_id, branch)
        if now not in (sha, expected):
            raise PushRefused(
                f"The branch {branch} moved to {str(now)[:10]} meanwhile; nothing was overwritten.",
                expected=expected,
                found=now,
            )
        self._branches.move(lent.project_id, branch, sha)
        self._lent[run_id] = replace(lent, tip=sha)

    async def give_back(self, run_id: str) -> bool:
        if run_id not in self._lent:
            return False
        self._keep(run_id)
        del self._lent[run_id]
        del self._places[run_id]
        return True

    async def lent(self) -> Sequence[str]:
        return list(self._lent)

    def locate(self, root: Path, subject: str) -> PurePath | None:
        if "\0" in subject or subject.startswith("~"):
            return None
        real = PurePath(posixpath.normpath(root / subject))
        return real.relative_to(root) if real.is_relative_to(root) else None

    def _of(self, run_id: str) -> _Lent:
        if run_id not in self._lent:
            raise WorktreeNotFound(f"The run {run_id} has no worktree (any more).")
        return self._lent[run_id]

    def _keep(self, run_id: str) -> None:
        lent = self._lent[run_id]
        before = self._branches.files(lent.project_id, lent.tip)
        if _differences(before, lent.files):
            changed = {path: content for path, content in lent.files.items() if before.get(path) != content}
            self.kept.setdefault(run_id, []).append(changed)


@dataclass
class FakeMachine:
    """ports.Machine without processes. `results` answers check commands, exit 0 where it says nothing;
    what was run and stopped can be read from `commands` and `stopped`."""

    results: dict[str, CheckResult] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    commands: list[tuple[str, str]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    def agent_env(self, owner: str, names: Sequence[str], extra: Mapping[str, str]) -> Mapping[str, str]:
        return {"HOME": f"/fake/agents/{owner.partition('.')[0]}/home", **extra}

    async def stop_all_of(self, owner: str) -> int:
        self.stopped.append(owner)
        found = {one for one in self.alive if one == owner or one.startswith(f"{owner}.")}
        self.alive -= found
        return len(found)

    async def owners(self) -> Sequence[str]:
        return sorted(self.alive)

    async def forget(self, run_id: str) -> None:
        self.forgotten.append(run_id)

    async def check(self, run_id: str, command: str, cwd: Path, timeout_seconds: float) -> CheckResult:
        self.commands.append((run_id, command))
        return self.results.get(command, CheckResult(0, "", 1))


@dataclass
class FakeSecretScanner:
    """ports.SecretScanner that finds something in the files of `secrets`, by path and line."""

    secrets: dict[str, int] = field(default_factory=dict)

    async def scan(self, root: Path, paths: Sequence[str]) -> Sequence[SecretFinding]:
        return [SecretFinding(path, self.secrets[path], "Fake Key") for path in paths if path in self.secrets]


@dataclass
class FakeRecording:
    """What one run's terminal said, over all its turns."""

    output: bytes = b""
    marks: list[str] = field(default_factory=list)
    is_open: bool = True

    def write(self, data: bytes) -> None:
        self.output += data

    def mark(self, label: str) -> None:
        self.marks.append(label)

    def close(self) -> None:
        self.is_open = False


@dataclass
class FakeRecordings:
    """ports.Recordings by run."""

    of: dict[str, FakeRecording] = field(default_factory=dict)

    def open(self, run_id: str, columns: int, rows: int) -> FakeRecording:
        recording = self.of.setdefault(run_id, FakeRecording())
        recording.is_open = True
        return recording


def _differences(old: Files, new: Files) -> list[Change]:
    paths = sorted({*old, *new})
    return [Change(path, path not in old) for path in paths if old.get(path) != new.get(path)]
