"""What the pool on disk owes to the others who work on it at the same time."""

import asyncio
import threading
from pathlib import Path, PosixPath
from typing import NoReturn

import pygit2
import pytest

from kyros.fleet.adapters.worktrees import PooledWorktrees
from kyros.kernel.errors import DiskFull
from kyros.kernel.ids import new_id
from tests.contract.fleet.conftest import BRANCH, PROJECT, PooledPlace


async def test_a_record_that_vanishes_while_it_is_looked_for_is_no_trouble(tmp_path: Path) -> None:
    """Somebody else deletes a spare slot between the listing and the reading."""
    place = PooledPlace(tmp_path)
    await place.trees.lend("run_1", PROJECT, place.bare, BRANCH, place.start)
    (tmp_path / "worktrees" / PROJECT / "slot_gone.json").symlink_to(tmp_path / "nowhere")
    assert await place.trees.path_of("run_1") is not None
    assert list(await place.trees.lent()) == ["run_1"]


async def test_who_is_cut_off_waits_for_the_work_in_hand(tmp_path: Path) -> None:
    """Else the next try would lay out the folder while the last one still does."""
    place = PooledPlace(tmp_path)
    entered, go_on = threading.Event(), threading.Event()

    def slow_id(prefix: str) -> str:
        entered.set()
        assert go_on.wait(20)
        return new_id(prefix)

    trees = PooledWorktrees(tmp_path / "worktrees", lambda project: place.bare, slow_id)
    laying = asyncio.create_task(trees.lend("run_1", PROJECT, place.bare, BRANCH, place.start))
    await asyncio.to_thread(entered.wait, 20)
    laying.cancel()
    done, _ = await asyncio.wait([laying], timeout=0.2)
    go_on.set()
    assert not done
    await asyncio.wait([laying])
    assert laying.cancelled()
    assert list(await trees.lent()) == ["run_1"]


class FullDisk(PosixPath):
    """Git finds no room as soon as it is asked for something below."""

    def __truediv__(self, other: object) -> NoReturn:
        raise pygit2.GitError("failed to write object: No space left on device")


async def test_a_full_disk_is_called_so_and_the_folder_stays_where_it_is(tmp_path: Path) -> None:
    place = PooledPlace(tmp_path)
    await place.trees.lend("run_1", PROJECT, place.bare, BRANCH, place.start)
    place.write("run_1", "half.py", b"half")
    with pytest.raises(DiskFull):
        await place.trees.lend("run_1", PROJECT, FullDisk("/full"), BRANCH, place.start)
    assert place.files("run_1")["half.py"] == b"half"
