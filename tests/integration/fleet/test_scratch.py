"""Folders of executions: one of its own, or one below `shared/`; never where runs work."""

from pathlib import Path

import pytest

from kyros.entrypoints.bootstrap.furnishing import folders_of
from kyros.entrypoints.home import Home
from kyros.fleet.errors import FolderRefused


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


async def test_each_session_has_an_empty_folder_that_goes_with_its_home(home: Home) -> None:
    folders = folders_of(home)
    made = await folders.make("session_1")
    assert list(made.iterdir()) == []
    assert made.stat().st_mode & 0o777 == 0o700
    (made.parent / "home").mkdir()
    for _ in range(2):
        await folders.remove("session_1")
        assert not made.parent.exists()


async def test_a_folder_below_shared_may_be_named(home: Home) -> None:
    docs = home.shared / "docs"
    docs.mkdir(parents=True)
    (home.shared / "link").symlink_to(docs)
    assert await folders_of(home).permitted(str(docs)) == docs
    assert await folders_of(home).permitted(str(home.shared / "link")) == docs


async def test_no_other_folder_may(home: Home, tmp_path: Path) -> None:
    """Least of all where worktrees lie: all of a project's, one that a run has, what runs left."""
    for name in ("prj_1/slot_1", "prj_1/slot_1.git", "kept/run_1"):
        (home.worktrees / name).mkdir(parents=True)
    (home.shared / "repo/.git/hooks").mkdir(parents=True)
    (tmp_path / "clone").mkdir()
    (home.shared / "out").symlink_to(tmp_path / "clone")
    named = [home.worktrees / one for one in ("prj_1", "prj_1/slot_1", "prj_1/slot_1.git", "kept/run_1")]
    named += [home.shared, home.shared / "out", home.shared / "repo/.git/hooks", home.shared / "nowhere"]
    for one in (*map(str, named), "shared/repo", "a\0b", ""):
        with pytest.raises(FolderRefused):
            await folders_of(home).permitted(one)
