"""What agents need of a machine, in memory: for tests of the rooms above, without disk or process."""

import hashlib
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, Protocol

from kyros.collab.model import Budget
from kyros.drivers.model import Entry, ResultKind, Usage
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.errors import PushRefused, WorktreeNotFound
from kyros.fleet.model import (
    CUT_OFF,
    Approval,
    Cap,
    Change,
    CheckResult,
    Line,
    Scope,
    SecretFinding,
    Spent,
    Turn,
)
from kyros.fleet.model.budget import DAILY, has_limit, spent_of
from kyros.fleet.model.pause import Pause
from kyros.fleet.model.retention import Kept
from kyros.fleet.model.transcript import decode, encode
from kyros.fleet.model.usage import FIGURES, By, UsageQuery, UsageRow
from kyros.kernel.clock import to_text

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

    async def note(self, turn: Turn) -> None:
        known = self._turns.get(turn.id)
        if known is not None and known.ended_at is None:
            self._turns[turn.id] = replace(
                known,
                usage=turn.usage,
                duration_ms=turn.duration_ms,
                bytes_streamed=turn.bytes_streamed,
            )

    async def end(self, turn: Turn) -> None:
        details = {"result": turn.result_kind, "note": turn.note}
        self._tell("turn_ended", turn.agent, turn, details)
        self._turns[turn.id] = replace(turn, approvals=self._turns[turn.id].approvals)

    async def of_run(self, run_id: str) -> Sequence[Turn]:
        mine = [turn for turn in self._turns.values() if turn.run_id == run_id]
        return sorted(mine, key=lambda turn: turn.started_at)

    def rows(self) -> Sequence[Turn]:
        return list(self._turns.values())

    def _tell(self, event: str, actor: str, turn: Turn, details: Mapping[str, object]) -> None:
        self._outbox.append_in(None, [NewEvent(event, actor, turn.run_id, {**turn.facts(), **details})])


@dataclass
class FakeLedger:
    """ports.Ledger over FakeTurns."""

    turns: FakeTurns

    async def roll_up(self, query: UsageQuery) -> Sequence[UsageRow]:
        groups: dict[tuple[str | None, ...], list[Turn]] = {}
        for turn in self.turns.rows():
            if _matches(turn, query):
                groups.setdefault(tuple(_key_of(turn, by) for by in query.by), []).append(turn)
        keys = sorted(groups, key=lambda key: tuple(one or "" for one in key))
        rows = [_sums(key, groups[key]) for key in keys]
        return rows[query.offset : query.offset + query.limit]

    async def spent(self, scope: Scope, key: str, day: str, without: str | None = None) -> Spent:
        total = Spent()
        for turn in self.turns.rows():
            owner = {"run": turn.run_id, "task": turn.task_id, "agent": turn.agent, "turn": turn.id}
            owner |= {"project": turn.project_id, "day": key}
            is_of_day = scope not in DAILY or turn.started_at[:10] == day
            if owner[scope] == key and is_of_day and turn.id != without:
                total += replace(
                    spent_of(turn.usage, turn.duration_ms or 0), unmeasured_turns=_is_unmeasured(turn)
                )
        return total


def _key_of(turn: Turn, by: By) -> str | None:
    return {
        By.AGENT: turn.agent,
        By.PROFILE: turn.agent,
        By.PROJECT: turn.project_id,
        By.TASK: turn.task_id,
        By.RUN: turn.run_id,
        By.MODEL: turn.usage.model,
        By.TIER: turn.tier.value,
        By.DAY: turn.started_at[:10],
    }[by]


def _matches(turn: Turn, query: UsageQuery) -> bool:
    return (
        (query.projects is None or turn.project_id in query.projects)
        and (query.since is None or turn.started_at >= query.since)
        and (query.until is None or turn.started_at < query.until)
        and query.agent in (None, turn.agent)
        and query.task in (None, turn.task_id)
    )


def _is_unmeasured(turn: Turn) -> bool:
    return replace(turn.usage, model=None, tool_calls=None) == Usage()


def _sums(keys: tuple[str | None, ...], turns: Sequence[Turn]) -> UsageRow:
    def total(values: Iterable[float | None]) -> Any:
        measured = [value for value in values if value is not None]
        return sum(measured) if measured else None

    usages = [turn.usage for turn in turns]
    return UsageRow(
        keys,
        len(turns),
        len({turn.run_id for turn in turns}),
        sum(map(_is_unmeasured, turns)),
        **{name: total(getattr(usage, name) for usage in usages) for name in FIGURES[:5]},
        duration_ms=total(turn.duration_ms for turn in turns),
        tool_calls=total(turn.tool_call_count for turn in turns),
    )


class FakeBudgets:
    """ports.Budgets as a dict."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._rows: dict[tuple[Scope, str], Budget] = {}
        self._marks: set[tuple[object, ...]] = set()

    async def all(self) -> Mapping[tuple[Scope, str], Budget]:
        return dict(sorted(self._rows.items()))

    async def set(self, scope: Scope, key: str, budget: Budget, actor: str) -> None:
        facts = {"scope": scope.value, "key": key, **budget.document()}
        facts |= {"project_id": key} if scope is Scope.PROJECT else {}
        self._outbox.append_in(None, [NewEvent("budget_set", actor, f"{scope}/{key}", facts)])
        self._rows.pop((scope, key), None)
        if has_limit(budget):
            self._rows[scope, key] = budget

    async def note_reached(self, cap: Cap, turn: Turn, sentence: str) -> bool:
        mark = (cap.scope, cap.key, cap.period, cap.limits)
        if mark in self._marks:
            return False
        facts = turn.facts() | {"budget": cap.name, **cap.limits.document(), "note": sentence}
        self._outbox.append_in(None, [NewEvent("budget_reached", "kyros", turn.run_id, facts)])
        self._marks.add(mark)
        return True


class FakePauses:
    """ports.Pauses as a dict."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._rows: dict[str, Pause] = {}

    async def all(self) -> Mapping[str, Pause]:
        return dict(sorted(self._rows.items()))

    async def pause(self, pause: Pause, turn: Turn) -> bool:
        known = self._rows.get(pause.profile)
        if known is not None and known.notice == pause.notice and known.until > pause.since:
            return False
        facts = turn.facts() | {"profile": pause.profile, "until": to_text(pause.until)}
        facts["notice"] = pause.notice
        self._outbox.append_in(None, [NewEvent("profile_paused", "kyros", pause.profile, facts)])
        self._rows[pause.profile] = pause
        return True

    async def resume(self, profile: str, actor: str) -> bool:
        if profile not in self._rows:
            return False
        self._outbox.append_in(None, [NewEvent("profile_resumed", actor, profile, {"profile": profile})])
        del self._rows[profile]
        return True


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
        self.kept: dict[str, list[Files]] = {}

    def write(self, run_id: str, path: str, content: bytes) -> None:
        self._of(run_id).files[path] = content

    def delete(self, run_id: str, path: str) -> None:
        del self._of(run_id).files[path]

    def files(self, run_id: str) -> Files:
        return dict(self._of(run_id).files)

    async def lend(self, run_id: str, project_id: str, bare: Path, branch: str, sha: str) -> Path:
        files = dict(self._branches.files(project_id, sha))
        if run_id in self._lent:
            self._keep(run_id)
        self._lent[run_id] = _Lent(project_id, files, sha)
        return ROOT / run_id

    async def path_of(self, run_id: str) -> Path | None:
        return ROOT / run_id if run_id in self._lent else None

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


@dataclass
class FakeTranscripts:
    """ports.Transcripts and TranscriptFiles by run."""

    of: dict[str, list[Line]] = field(default_factory=dict)

    def open(self, run_id: str) -> "FakeTranscript":
        return FakeTranscript(self.of.setdefault(run_id, []))

    def read(self, run_id: str, after: int, limit: int, turn_id: str | None) -> Sequence[Line]:
        lines = [line for line in self.of.get(run_id, []) if line.seq > after]
        return [line for line in lines if turn_id in (None, line.turn_id)][:limit]


@dataclass
class FakeTranscript:
    lines: list[Line]

    def note(self, turn_id: str, at: str, entry: Entry) -> None:
        line = decode(encode(Line(len(self.lines) + 1, at, turn_id, entry)))
        assert line is not None
        self.lines.append(line)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class FakeShelf:
    """ports.RecordingShelf by run; `gone` says when."""

    kept: dict[str, Kept] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)

    async def list(self) -> "Sequence[Kept]":
        return [*self.kept.values()]

    async def drop(self, run_id: str, at: str) -> None:
        self.kept.pop(run_id, None)
        self.gone[run_id] = at


def _differences(old: Files, new: Files) -> list[Change]:
    paths = sorted({*old, *new})
    return [Change(path, path not in old) for path in paths if old.get(path) != new.get(path)]
