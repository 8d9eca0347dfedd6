"""What every Worktrees promises, on disk and in memory."""

from pathlib import Path

import pytest

from kyros.fleet.errors import PushRefused, WorktreeNotFound
from kyros.fleet.model import Change
from tests.contract.fleet.conftest import BRANCH, PROJECT, START, Place

AUTHOR = ("playbook", "agent@kyros.invalid")


async def lend(place: Place, run_id: str = "run_1", sha: str | None = None) -> Path:
    return await place.trees.lend(run_id, PROJECT, place.bare, BRANCH, sha or place.start)


async def commit(place: Place, *paths: str, when: int = 1) -> str:
    return await place.trees.commit("run_1", place.start, paths, "feat: x", AUTHOR, when)


async def test_a_worktree_is_the_commit(place: Place) -> None:
    path = await lend(place)
    assert place.files("run_1") == START
    assert await place.trees.path_of("run_1") == path
    assert list(await place.trees.lent()) == ["run_1"]
    assert list(await place.trees.changes("run_1", place.start)) == []


async def test_two_runs_do_not_see_each_other(place: Place) -> None:
    assert await lend(place, "run_1") != await lend(place, "run_2")
    place.write("run_1", "mine.py", b"x")
    assert place.files("run_2") == START


async def test_changes_are_sorted_and_tell_new_from_changed_and_deleted(place: Place) -> None:
    await lend(place)
    place.write("run_1", "z.py", b"new")
    place.write("run_1", "README.md", b"changed")
    place.delete("run_1", "old.py")
    assert list(await place.trees.changes("run_1", place.start)) == [
        Change("README.md", False),
        Change("old.py", False),
        Change("z.py", True),
    ]


async def test_a_commit_holds_just_the_named_paths_and_is_the_same_when_made_again(place: Place) -> None:
    await lend(place)
    place.write("run_1", "z.py", b"new")
    place.write("run_1", "stays.out", b"out")
    place.delete("run_1", "old.py")
    sha = await commit(place, "old.py", "z.py")
    assert await commit(place, "old.py", "z.py") == sha
    assert await commit(place, "old.py", "z.py", when=2) != sha
    assert place.head() == place.start
    await place.trees.push("run_1", BRANCH, sha, place.start)
    assert place.committed(sha) == {"README.md": b"hello\n", "z.py": b"new"}


async def test_nothing_changed_is_no_commit(place: Place) -> None:
    await lend(place)
    assert await commit(place, "README.md") == place.start
    assert await commit(place) == place.start


async def test_a_push_moves_the_branch_and_again_is_fine(place: Place) -> None:
    await lend(place)
    place.write("run_1", "z.py", b"new")
    sha = await commit(place, "z.py")
    for _ in range(2):
        await place.trees.push("run_1", BRANCH, sha, place.start)
        assert place.head() == sha


async def test_a_push_never_overwrites_what_somebody_else_pushed(place: Place) -> None:
    await lend(place)
    place.write("run_1", "z.py", b"new")
    sha = await commit(place, "z.py")
    theirs = place.push_from_elsewhere()
    with pytest.raises(PushRefused, match="nothing was overwritten"):
        await place.trees.push("run_1", BRANCH, sha, place.start)
    assert place.head() == theirs


async def test_lent_again_it_is_clean_and_what_was_left_is_kept(place: Place) -> None:
    await lend(place)
    place.write("run_1", "half.py", b"half")
    await lend(place)
    assert place.files("run_1") == START
    assert place.kept("run_1") == [{"half.py": b"half"}]
    assert list(await place.trees.lent()) == ["run_1"]


async def test_given_back_it_is_free_and_what_was_left_is_kept(place: Place) -> None:
    await lend(place)
    place.write("run_1", "half.py", b"half")
    assert await place.trees.give_back("run_1")
    assert not await place.trees.give_back("run_1")
    assert list(await place.trees.lent()) == []
    assert await place.trees.path_of("run_1") is None
    assert place.kept("run_1") == [{"half.py": b"half"}]


async def test_what_was_pushed_is_not_kept_a_second_time(place: Place) -> None:
    await lend(place)
    place.write("run_1", "z.py", b"new")
    await place.trees.push("run_1", BRANCH, await commit(place, "z.py"), place.start)
    await place.trees.give_back("run_1")
    assert place.kept("run_1") == []


async def test_a_run_without_worktree_is_said_so(place: Place) -> None:
    assert await place.trees.path_of("run_9") is None
    for call in (
        place.trees.changes("run_9", place.start),
        place.trees.commit("run_9", place.start, [], "m", AUTHOR, 1),
        place.trees.push("run_9", BRANCH, place.start, place.start),
    ):
        with pytest.raises(WorktreeNotFound):
            await call


async def reserve(place: Place, session_id: str = "session_1") -> Path:
    return await place.trees.reserve(session_id, PROJECT, place.bare, place.start, "claude")


async def lend_warm(place: Place, run_id: str) -> Path:
    return await place.trees.lend(run_id, PROJECT, place.bare, BRANCH, place.start, "claude")


async def test_what_was_given_back_is_lent_again(place: Place) -> None:
    first = await lend(place)
    await place.trees.give_back("run_1")
    assert await lend(place, "run_2") == first


async def test_a_run_gets_the_folder_kept_for_a_session_of_its_agent_and_nobody_else_does(
    place: Place,
) -> None:
    kept = await reserve(place)
    assert list(await place.trees.reserved()) == ["session_1"]
    assert await lend(place, "run_1") != kept
    assert await lend_warm(place, "run_2") == kept
    assert list(await place.trees.reserved()) == []
    assert not await place.trees.unreserve("session_1")
    assert await place.trees.path_of("run_2") == kept


async def test_a_kept_folder_that_nobody_took_is_free_again(place: Place) -> None:
    kept = await reserve(place)
    assert await place.trees.unreserve("session_1")
    assert not await place.trees.unreserve("session_1")
    assert await lend_warm(place, "run_1") == kept


async def test_what_a_run_left_without_using_its_session_goes_to_the_next(place: Place) -> None:
    kept = await reserve(place)
    assert await lend_warm(place, "run_1") == kept
    await place.trees.give_back("run_1")
    assert await reserve(place, "session_2") == kept
    assert not await place.trees.unreserve("session_1")
    assert list(await place.trees.reserved()) == ["session_2"]


async def test_a_folder_in_doubt_is_never_used_again(place: Place) -> None:
    kept = await reserve(place)
    await place.trees.doubt(kept)
    assert await lend_warm(place, "run_1") != kept
    assert await place.trees.unreserve("session_1")
    lent = [await lend(place, f"run_{number}") for number in (2, 3)]
    assert kept not in lent
    await place.trees.doubt(lent[0])
    assert await lend(place, "run_2") not in (kept, *lent)
    await place.trees.doubt(place.bare / "no worktree")


@pytest.mark.parametrize(
    ("subject", "lies"),
    [
        ("a/b.py", "a/b.py"),
        ("a/../b.py", "b.py"),
        (".git/config", ".git/config"),
        ("../x", None),
        ("a/../../x", None),
        ("/etc/passwd", None),
    ],
)
async def test_where_a_path_lies(place: Place, subject: str, lies: str | None) -> None:
    located = place.trees.locate(await lend(place), subject)
    assert (None if located is None else str(located)) == lies


@pytest.mark.parametrize("subject", ["a\0b", "~nobody-of-this-name/x", "~nobody-of-this-name"])
async def test_what_is_no_path_lies_nowhere(place: Place, subject: str) -> None:
    """Agents write what they like: a refusal, never an error."""
    assert place.trees.locate(await lend(place), subject) is None
