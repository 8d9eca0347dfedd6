"""The forges under test, each with what people and agents do to it from outside."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pygit2
import pytest

from kyros.forge.adapters.builtin import BuiltinForge
from kyros.forge.fake import FakeForge
from kyros.forge.ports import Forge
from kyros.forge.store import SqlForgeStore
from kyros.kernel.ids import new_id
from tests.stand_ins import Outbox

_WHO = pygit2.Signature("Ann", "ann@example.invalid", 1_700_000_000, 0)


def ticking() -> Callable[[], datetime]:
    """A clock that moves on by a second each time it is read."""
    moments = iter(range(10_000))
    start = datetime(2026, 11, 20, 12, tzinfo=UTC)
    return lambda: start + timedelta(seconds=next(moments))


class FakeWorld:
    def __init__(self) -> None:
        self.fake = FakeForge(ticking(), new_id)
        self.forge: Forge = self.fake

    async def source(self, name: str, files: Mapping[str, bytes], branch: str = "main") -> str:
        self.fake.add_source(f"/sources/{name}", files, branch)
        return f"/sources/{name}"

    async def working_clone(self, name: str, files: Mapping[str, bytes]) -> str:
        source = await self.source(name, files)
        self.fake.read_only_sources.add(source)
        return source

    async def push(self, project_id: str, branch: str, changes: Mapping[str, bytes | None]) -> str:
        return self.fake.push(project_id, branch, changes)


class BuiltinWorld:
    def __init__(self, folder: Path, database: Any) -> None:
        self.folder = folder
        self.forge: Forge = BuiltinForge(
            folder / "forge", SqlForgeStore(database, Outbox(), ticking()), ticking(), new_id
        )

    async def source(self, name: str, files: Mapping[str, bytes], branch: str = "main") -> str:
        return self._make(self.folder / f"{name}.git", files, branch, bare=True)

    async def working_clone(self, name: str, files: Mapping[str, bytes]) -> str:
        return self._make(self.folder / name, files, "main", bare=False)

    async def push(self, project_id: str, branch: str, changes: Mapping[str, bytes | None]) -> str:
        repository = pygit2.Repository(str(await self.forge.clone_path(project_id)))
        return _commit(repository, branch, changes)

    def _make(self, path: Path, files: Mapping[str, bytes], branch: str, *, bare: bool) -> str:
        repository = pygit2.init_repository(str(path), bare=bare, initial_head=branch)
        _commit(repository, branch, files)
        return str(path)


def _commit(repository: pygit2.Repository, branch: str, changes: Mapping[str, bytes | None]) -> str:
    ref = f"refs/heads/{branch}"
    old = repository.references.get(ref)
    index = pygit2.Index()
    if old is not None:
        index.read_tree(repository[old.target].peel(pygit2.Tree))
    for path, content in changes.items():
        if content is None:
            index.remove(path)
        else:
            index.add(pygit2.IndexEntry(path, repository.create_blob(content), pygit2.enums.FileMode.BLOB))
    parents = [] if old is None else [old.target]
    return str(repository.create_commit(ref, _WHO, _WHO, "push", index.write_tree(repository), parents))


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture(params=["fake", "database", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> FakeWorld | BuiltinWorld:
    if request.param == "fake":
        return FakeWorld()
    return BuiltinWorld(tmp_path, request.getfixturevalue(request.param))
