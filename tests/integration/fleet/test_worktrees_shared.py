"""Worktrees that two want at once: a session that stands there, one that leaves, a run that comes."""

import asyncio
import threading
from pathlib import Path

import pytest

from kyros.fleet.adapters.worktrees import PooledWorktrees
from kyros.fleet.adapters.worktrees import pool as pool_module
from tests.integration.fleet.conftest import PROJECT, Bare
from tests.integration.fleet.test_worktrees import lend


async def test_a_run_takes_the_very_folder_where_a_session_of_its_agent_stands(
    pool: PooledWorktrees, bare: Bare, tmp_path: Path
) -> None:
    forge, sha = tmp_path / "forge" / f"{PROJECT}.git", bare.sha
    stands = await pool.reserve("session_1", PROJECT, forge, sha, "claude")
    (stands / "ignored.tmp").write_text("left by the program as it started")
    inode = stands.stat().st_ino
    assert await pool.lend("run_1", PROJECT, forge, "feature/a", sha, "codex") != stands
    assert list(await pool.reserved()) == ["session_1"]
    assert await pool.lend("run_2", PROJECT, forge, "feature/b", sha, "claude") == stands
    assert stands.stat().st_ino == inode
    assert not (stands / "ignored.tmp").exists()
    assert (stands / ".git/HEAD").read_text() == "ref: refs/heads/feature/b\n"
    assert list(await pool.reserved()) == []
    assert not await pool.unreserve("session_1")


async def test_a_reserved_folder_is_free_again_when_its_session_ends(
    pool: PooledWorktrees, bare: Bare, tmp_path: Path
) -> None:
    forge = tmp_path / "forge" / f"{PROJECT}.git"
    stands = await pool.reserve("session_1", PROJECT, forge, bare.sha, "claude")
    assert await pool.unreserve("session_1")
    assert await pool.lend("run_1", PROJECT, forge, "feature/a", bare.sha) == stands


class Halfway:
    """Holds one step of work in another thread up until the test lets it go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.reached, self._door = threading.Event(), threading.Event()
        done = getattr(pool_module, name)

        def stop(*args: object) -> object:
            self.reached.set()
            self._door.wait(20)
            return done(*args)

        monkeypatch.setattr(pool_module, name, stop)
        self._monkeypatch, self._name, self._done = monkeypatch, name, done

    async def there(self) -> None:
        await asyncio.to_thread(self.reached.wait, 20)
        self._monkeypatch.setattr(pool_module, self._name, self._done)

    def go_on(self) -> None:
        self._door.set()


async def test_a_folder_that_a_session_is_leaving_is_lent_to_nobody(
    pool: PooledWorktrees, bare: Bare, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands = await pool.reserve("session_1", PROJECT, bare.path, bare.sha, "claude")
    halfway = Halfway(monkeypatch, "lay_out")
    leaving = asyncio.create_task(pool.unreserve("session_1"))
    await halfway.there()
    path = await pool.lend("run_1", PROJECT, bare.path, "feature/a", bare.sha, "claude")
    assert path != stands
    (path / "work.py").write_text("x")
    halfway.go_on()
    assert await leaving
    assert await pool.path_of("run_1") == path
    assert (path / "work.py").exists()
    assert await lend(pool, bare, "run_2") == stands


async def test_a_folder_that_is_not_laid_out_yet_is_lent_to_nobody(
    pool: PooledWorktrees, bare: Bare, monkeypatch: pytest.MonkeyPatch
) -> None:
    halfway = Halfway(monkeypatch, "lay_out")
    coming = asyncio.create_task(pool.reserve("session_1", PROJECT, bare.path, bare.sha, "claude"))
    await halfway.there()
    path = await pool.lend("run_1", PROJECT, bare.path, "feature/a", bare.sha, "claude")
    halfway.go_on()
    assert await coming != path
    assert await pool.path_of("run_1") == path
    assert list(await pool.reserved()) == ["session_1"]


async def test_a_doubt_that_comes_while_a_folder_is_laid_out_is_remembered(
    pool: PooledWorktrees, bare: Bare, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await lend(pool, bare)
    halfway = Halfway(monkeypatch, "lay_out")
    again = asyncio.create_task(lend(pool, bare))
    await halfway.there()
    await pool.doubt(path)
    halfway.go_on()
    await again
    await pool.give_back("run_1")
    assert await lend(pool, bare, "run_2") != path
