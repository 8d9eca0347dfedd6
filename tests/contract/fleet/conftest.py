"""Turns and worktrees under test, each over its fake and its real adapter."""

from pathlib import Path
from typing import Protocol

import pygit2
import pytest

from kyros.fleet.adapters.worktrees import PooledWorktrees
from kyros.fleet.fake import FakeApprovals, FakeBranches, FakeTurns, FakeWorktrees
from kyros.fleet.ports import Approvals, Turns, Worktrees
from kyros.fleet.store import SqlApprovals, SqlTurns
from kyros.kernel.ids import new_id
from tests.stand_ins import Clock, Outbox

PROJECT = "prj_1"
BRANCH = "feature/x"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture(params=["fake", "database", "postgres"])
def kept(request: pytest.FixtureRequest, outbox: Outbox, clock: Clock) -> tuple[Turns, Approvals]:
    """Both stand on the same rows."""
    if request.param == "fake":
        approvals = FakeApprovals(outbox, clock)
        return FakeTurns(outbox, approvals), approvals
    database = request.getfixturevalue(request.param)
    return SqlTurns(database, outbox), SqlApprovals(database, outbox, clock)


@pytest.fixture
def turns(kept: tuple[Turns, Approvals]) -> Turns:
    return kept[0]


@pytest.fixture
def approvals(kept: tuple[Turns, Approvals]) -> Approvals:
    return kept[1]


class Place(Protocol):
    """Worktrees over a repository with README.md (`hello`) and old.py on BRANCH, at `start`."""

    trees: Worktrees
    bare: Path
    start: str

    def write(self, run_id: str, path: str, content: bytes) -> None: ...

    def delete(self, run_id: str, path: str) -> None: ...

    def files(self, run_id: str) -> dict[str, bytes]: ...

    def head(self) -> str | None: ...

    def committed(self, sha: str) -> dict[str, bytes]: ...

    def push_from_elsewhere(self) -> str: ...

    def kept(self, run_id: str) -> list[dict[str, bytes]]: ...


START = {"README.md": b"hello\n", "old.py": b"old\n"}


class FakePlace:
    def __init__(self, folder: Path) -> None:
        self.bare = folder
        self._branches = FakeBranches()
        self.start = self._branches.record(START, None, "start")
        self._branches.move(PROJECT, BRANCH, self.start)
        self.trees = self._fake = FakeWorktrees(self._branches)

    def write(self, run_id: str, path: str, content: bytes) -> None:
        self._fake.write(run_id, path, content)

    def delete(self, run_id: str, path: str) -> None:
        self._fake.delete(run_id, path)

    def files(self, run_id: str) -> dict[str, bytes]:
        return dict(self._fake.files(run_id))

    def head(self) -> str | None:
        return self._branches.head(PROJECT, BRANCH)

    def committed(self, sha: str) -> dict[str, bytes]:
        return dict(self._branches.files(PROJECT, sha))

    def push_from_elsewhere(self) -> str:
        sha = self._branches.record({**START, "theirs.py": b"x"}, self.start, "theirs")
        self._branches.move(PROJECT, BRANCH, sha)
        return sha

    def kept(self, run_id: str) -> list[dict[str, bytes]]:
        return [dict(files) for files in self._fake.kept.get(run_id, [])]


class PooledPlace:
    def __init__(self, folder: Path) -> None:
        self.bare = folder / "forge" / f"{PROJECT}.git"
        self._git = pygit2.init_repository(str(self.bare), bare=True, initial_head="main")
        self.start = self._commit(START, [])
        self._root = folder / "worktrees"
        self.trees = PooledWorktrees(self._root, lambda project: self.bare, new_id)

    def write(self, run_id: str, path: str, content: bytes) -> None:
        file = self._folder(run_id) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def delete(self, run_id: str, path: str) -> None:
        (self._folder(run_id) / path).unlink()

    def files(self, run_id: str) -> dict[str, bytes]:
        folder = self._folder(run_id)
        files = (path for path in folder.rglob("*") if path.is_file())
        found = {str(path.relative_to(folder)): path.read_bytes() for path in files}
        return {path: content for path, content in found.items() if not path.startswith(".git/")}

    def head(self) -> str | None:
        return str(self._git.references[f"refs/heads/{BRANCH}"].target)

    def committed(self, sha: str) -> dict[str, bytes]:
        tree = self._git[sha].peel(pygit2.Tree)
        return {entry.name or "": entry.data for entry in tree if isinstance(entry, pygit2.Blob)}

    def push_from_elsewhere(self) -> str:
        return self._commit({**START, "theirs.py": b"x"}, [self.start])

    def kept(self, run_id: str) -> list[dict[str, bytes]]:
        found = sorted((self._root / "kept" / run_id).glob("*/files"))
        return [{file.name: file.read_bytes() for file in place.iterdir()} for place in found]

    def _folder(self, run_id: str) -> Path:
        record = next(one for one in self._root.glob("*/slot_*.json") if f'"{run_id}"' in one.read_text())
        return record.with_suffix("")

    def _commit(self, files: dict[str, bytes], parents: list[str]) -> str:
        index = pygit2.Index()
        for path, content in files.items():
            index.add(pygit2.IndexEntry(path, self._git.create_blob(content), pygit2.enums.FileMode.BLOB))
        who = pygit2.Signature("A", "a@kyros.invalid", 1, 0)
        tree = index.write_tree(self._git)
        return str(self._git.create_commit(f"refs/heads/{BRANCH}", who, who, "c", tree, parents))


@pytest.fixture(params=[FakePlace, PooledPlace], ids=["fake", "pooled"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    made: Place = request.param(tmp_path)
    return made
