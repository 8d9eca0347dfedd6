"""Worktrees: clean before, nothing lost after, nothing of one run in the next."""

import os
import shutil
import subprocess
from pathlib import Path

import pygit2
import pytest

from kyros.fleet.adapters.worktrees import Bounds, PooledWorktrees
from kyros.fleet.errors import PushRefused, WorktreeNotFound
from kyros.fleet.model import Change, sort_changes
from kyros.kernel.ids import new_id
from tests.integration.fleet.conftest import PROJECT, WHO, Bare

AUTHOR = ("playbook", "agent@kyros.invalid")


async def lend(pool: PooledWorktrees, bare: Bare, run: str = "run_1", sha: str | None = None) -> Path:
    return await pool.lend(run, PROJECT, bare.path, "feature/x", sha or bare.sha)


def contents(folder: Path) -> set[str]:
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in files if path.parts[0] != ".git"}


async def test_a_fresh_worktree_is_the_commit_and_git_works_in_it(pool: PooledWorktrees, bare: Bare) -> None:
    path = await lend(pool, bare)
    assert contents(path) == {"README.md", ".gitignore"}
    said = subprocess.run(
        ["git", "status", "-sb"], cwd=path, capture_output=True, text=True, check=True
    ).stdout
    assert said == "## feature/x\n"


async def test_the_same_run_gets_its_own_worktree_again(pool: PooledWorktrees, bare: Bare) -> None:
    assert await lend(pool, bare) == await lend(pool, bare)
    assert await pool.lent() == ["run_1"]


async def test_two_runs_never_share_a_worktree(pool: PooledWorktrees, bare: Bare) -> None:
    assert await lend(pool, bare, "run_1") != await lend(pool, bare, "run_2")


async def test_changes_name_new_changed_and_deleted_files_but_not_ignored_ones(
    pool: PooledWorktrees, bare: Bare
) -> None:
    path = await lend(pool, bare)
    (path / "new").mkdir()
    (path / "new/a.py").write_text("a")
    (path / "x.tmp").write_text("ignored")
    (path / "README.md").write_text("changed")
    (path / ".gitignore").unlink()
    (path / ".gitignore").write_text("*.tmp\nbuild/\n")
    assert await pool.changes("run_1", bare.sha) == [Change("README.md", False), Change("new/a.py", True)]


async def test_what_the_agent_committed_or_staged_itself_counts_as_changed(
    pool: PooledWorktrees, bare: Bare
) -> None:
    path = await lend(pool, bare)
    (path / "a.py").write_text("a")
    subprocess.run(["git", "add", "a.py"], cwd=path, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "mine"], cwd=path, check=True)
    (path / "b.py").write_text("b")
    subprocess.run(["git", "add", "b.py"], cwd=path, check=True)
    assert [change.path for change in await pool.changes("run_1", bare.sha)] == ["a.py", "b.py"]


async def test_a_commit_holds_just_the_named_paths_and_is_the_same_when_made_again(
    pool: PooledWorktrees, bare: Bare
) -> None:
    path = await lend(pool, bare)
    (path / "run.sh").write_text("#!/bin/sh\n")
    (path / "run.sh").chmod(0o755)
    (path / "link").symlink_to("run.sh")
    (path / "left.out").write_text("x")
    (path / "README.md").unlink()
    paths = ["README.md", "link", "run.sh"]
    first = await pool.commit("run_1", bare.sha, paths, "feat: x", AUTHOR, 1_700_000_000)
    again = await pool.commit("run_1", bare.sha, paths, "feat: x", AUTHOR, 1_700_000_000)
    assert first == again
    bare.commit("feature/x", {}, [bare.sha])
    expected = bare.head("feature/x")
    child = await pool.commit("run_1", expected, paths, "feat: x", AUTHOR, 1)
    await pool.push("run_1", "feature/x", child, expected)
    assert bare.files(child).keys() == {".gitignore", "link", "run.sh"}
    assert bare.files(child)["link"] == b"run.sh"


async def test_nothing_changed_is_no_commit(pool: PooledWorktrees, bare: Bare) -> None:
    await lend(pool, bare)
    assert await pool.commit("run_1", bare.sha, [], "m", AUTHOR, 1) == bare.sha


async def test_a_push_twice_is_one_push(pool: PooledWorktrees, bare: Bare) -> None:
    start = bare.commit("feature/x", {"TASK.md": b"t"}, [bare.sha])
    path = await lend(pool, bare, sha=start)
    (path / "a.py").write_text("a")
    sha = await pool.commit("run_1", start, ["a.py"], "m", AUTHOR, 1)
    await pool.push("run_1", "feature/x", sha, start)
    await pool.push("run_1", "feature/x", sha, start)
    assert bare.head("feature/x") == sha


async def test_a_push_never_overwrites_what_somebody_else_pushed(pool: PooledWorktrees, bare: Bare) -> None:
    start = bare.commit("feature/x", {"TASK.md": b"t"}, [bare.sha])
    path = await lend(pool, bare, sha=start)
    (path / "a.py").write_text("a")
    sha = await pool.commit("run_1", start, ["a.py"], "m", AUTHOR, 1)
    theirs = bare.commit("feature/x", {"b.py": b"b"}, [start])
    with pytest.raises(PushRefused, match="nothing was overwritten"):
        await pool.push("run_1", "feature/x", sha, start)
    assert bare.head("feature/x") == theirs


async def test_a_worktree_given_back_is_used_again_and_clean(
    pool: PooledWorktrees, bare: Bare, kept: Path
) -> None:
    path = await lend(pool, bare)
    (path / "build").mkdir()
    (path / "build/out").write_text("ignored")
    (path / "__pycache__").mkdir()
    (path / "__pycache__/a.pyc").write_text("junk")
    assert await pool.give_back("run_1")
    assert await pool.lent() == []
    assert contents(path) == {"README.md", ".gitignore"}
    assert await lend(pool, bare, "run_2") == path
    assert not kept.exists()


@pytest.mark.parametrize("dirt", ["build/out", "new.txt", "README.md", "new/.git/HEAD"])
async def test_what_came_into_a_spare_worktree_meanwhile_is_not_lent_with_it(
    pool: PooledWorktrees, bare: Bare, dirt: str
) -> None:
    path = await lend(pool, bare)
    await pool.give_back("run_1")
    spare = (path / "README.md").stat()
    (path / dirt).parent.mkdir(parents=True, exist_ok=True)
    (path / dirt).write_text("x" * spare.st_size)
    os.utime(path / dirt, ns=(spare.st_atime_ns, spare.st_mtime_ns))
    lent = await lend(pool, bare, "run_2")
    assert contents(lent) == {"README.md", ".gitignore"}
    assert (lent / "README.md").read_text() == "hello\n"


async def test_uncommitted_work_is_kept_before_the_folder_is_cleaned(
    pool: PooledWorktrees, bare: Bare, kept: Path
) -> None:
    path = await lend(pool, bare)
    (path / "half.py").write_text("half done")
    (path / ".env").write_text("TOKEN=x")
    (path / "README.md").unlink()
    await pool.give_back("run_1")
    assert contents(path) == {"README.md", ".gitignore"}
    place = kept / "run_1/1"
    assert (place / "files/half.py").read_text() == "half done"
    assert (place / "files/.env").read_text() == "TOKEN=x"
    assert (place / "deleted.txt").read_text() == "README.md\n"
    assert place.stat().st_mode & 0o077 == 0
    assert bare.holds(b"hello\n")
    assert not bare.holds(b"TOKEN=x")  # a secret that was left lying gets into no repository


async def test_laying_out_again_after_a_cut_off_turn_keeps_what_it_left(
    pool: PooledWorktrees, bare: Bare, kept: Path
) -> None:
    path = await lend(pool, bare)
    (path / "half.py").write_text("half done")
    assert await lend(pool, bare) == path
    assert contents(path) == {"README.md", ".gitignore"}
    assert (kept / "run_1/1/files/half.py").exists()


async def test_pushed_work_is_not_kept_a_second_time(pool: PooledWorktrees, bare: Bare, kept: Path) -> None:
    start = bare.commit("feature/x", {"TASK.md": b"t"}, [bare.sha])
    path = await lend(pool, bare, sha=start)
    (path / "a.py").write_text("a")
    sha = await pool.commit("run_1", start, ["a.py"], "m", AUTHOR, 1)
    await pool.push("run_1", "feature/x", sha, start)
    await pool.give_back("run_1")
    assert not kept.exists()
    assert await lend(pool, bare, "run_2") == path
    assert contents(path) == {"README.md", ".gitignore"}


async def test_a_doctored_index_cannot_hide_a_change_from_the_next_run(
    pool: PooledWorktrees, bare: Bare
) -> None:
    path = await lend(pool, bare)
    (path / "README.md").write_text("evil")
    subprocess.run(["git", "update-index", "--assume-unchanged", "README.md"], cwd=path, check=True)
    await pool.give_back("run_1")
    assert (await lend(pool, bare, "run_2") / "README.md").read_text() == "hello\n"


async def test_a_planted_config_and_hooks_do_not_survive(
    pool: PooledWorktrees, bare: Bare, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("x")
    path = await lend(pool, bare)
    subprocess.run(["git", "config", "core.worktree", str(victim)], cwd=path, check=True)
    (path / ".git/hooks").mkdir()
    (path / ".git/hooks/pre-commit").write_text("#!/bin/sh\n")
    await pool.give_back("run_1")
    again = await lend(pool, bare, "run_2")
    assert contents(again) == {"README.md", ".gitignore"}
    assert not (again / ".git/hooks").exists()
    assert (victim / "precious").read_text() == "x"


async def test_a_link_out_of_the_worktree_is_removed_not_followed(
    pool: PooledWorktrees, bare: Bare, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("x")
    path = await lend(pool, bare)
    (path / "out").symlink_to(victim)
    await pool.give_back("run_1")
    await lend(pool, bare, "run_2")
    assert not (path / "out").is_symlink()
    assert (victim / "precious").read_text() == "x"


async def test_a_nested_repository_left_behind_means_a_fresh_folder(
    pool: PooledWorktrees, bare: Bare
) -> None:
    path = await lend(pool, bare)
    subprocess.run(["git", "init", "-q", "nested"], cwd=path, check=True)
    (path / "nested/file").write_text("x")
    await pool.give_back("run_1")
    again = await lend(pool, bare, "run_2")
    assert contents(again) == {"README.md", ".gitignore"}


async def test_what_an_agent_does_to_its_git_folder_reaches_neither_us_nor_the_next_run(
    pool: PooledWorktrees, bare: Bare, tmp_path: Path
) -> None:
    path = await lend(pool, bare)
    (path / "work.py").write_text("work")
    shutil.rmtree(path / ".git/objects")
    (path / ".git/objects").symlink_to(bare.path / "objects")
    (path / ".git/config").unlink()
    os.mkfifo(path / ".git/config")
    (path / ".git/info").mkdir(exist_ok=True)
    (path / ".git/info/exclude").symlink_to(tmp_path / "victim")
    (tmp_path / "victim").write_text("precious")
    (path / ".git/MERGE_HEAD").write_text(bare.sha)
    assert await pool.changes("run_1", bare.sha) == [Change("work.py", True)]
    await pool.give_back("run_1")
    again = await lend(pool, bare, "run_2")
    said = subprocess.run(["git", "status", "-sb"], cwd=again, capture_output=True, text=True, check=True)
    assert said.stdout == "## feature/x\n"
    assert not (again / ".git/MERGE_HEAD").exists()
    assert (tmp_path / "victim").read_text() == "precious"
    assert not (bare.path / "objects/info/alternates").exists()


async def test_a_folder_replaced_by_a_link_brings_in_nothing_from_behind_it(
    pool: PooledWorktrees, bare: Bare, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "passwd").write_text("root:x")
    index = pygit2.Index()
    blob = bare.git.create_blob(b"mine")
    index.add(pygit2.IndexEntry("d/passwd", blob, pygit2.enums.FileMode.BLOB))
    start = str(bare.git.create_commit("refs/heads/x", WHO, WHO, "c", index.write_tree(bare.git), []))
    path = await lend(pool, bare, sha=start)
    shutil.rmtree(path / "d")
    (path / "d").symlink_to(outside)
    changes = await pool.changes("run_1", start)
    assert changes == [Change("d", True), Change("d/passwd", False)]
    sha = await pool.commit("run_1", start, [one.path for one in changes], "m", AUTHOR, 1)
    tree = bare_tree(pool, sha)
    assert tree == {"d": str(outside).encode()}


def bare_tree(pool: PooledWorktrees, sha: str) -> dict[str, bytes]:
    """The files of a commit that is still in the slot's own git directory."""
    slot = pool._slots.of_run("run_1")
    assert slot is not None
    tree = pygit2.Repository(str(slot.git_folder))[sha].peel(pygit2.Tree)
    return {entry.name or "": entry.data for entry in tree if isinstance(entry, pygit2.Blob)}


async def test_a_repository_made_within_is_named_and_set_aside(
    pool: PooledWorktrees, bare: Bare, tmp_path: Path
) -> None:
    path = await lend(pool, bare)
    subprocess.run(["git", "init", "-q", "nested"], cwd=path, check=True)
    (path / "nested/file").write_text("x")
    changes = await pool.changes("run_1", bare.sha)
    assert [change.path for change in changes] == ["nested/"]
    assert list(sort_changes(changes).large) == ["nested/"]
    await pool.give_back("run_1")
    [aside] = (tmp_path / "worktrees/set-aside").iterdir()
    assert (aside / "nested/file").read_text() == "x"


async def test_a_slot_lent_to_another_meanwhile_is_not_freed_under_it(
    pool: PooledWorktrees, bare: Bare
) -> None:
    path = await lend(pool, bare)
    stale = pool._slots.of_run("run_1")
    assert stale is not None
    await pool.give_back("run_1")
    assert await lend(pool, bare, "run_2") == path
    pool._slots.free(stale)
    pool._slots.delete(stale)
    assert await pool.path_of("run_2") == path


async def test_no_more_spare_worktrees_than_we_keep(
    pool: PooledWorktrees, bare: Bare, tmp_path: Path
) -> None:
    for number in range(7):
        await lend(pool, bare, f"run_{number}")
    for number in range(7):
        await pool.give_back(f"run_{number}")
    assert len(list((tmp_path / "worktrees" / PROJECT).glob("slot_*.json"))) == 4


async def test_a_run_without_worktree_is_said_so(pool: PooledWorktrees) -> None:
    assert await pool.path_of("run_9") is None
    assert not await pool.give_back("run_9")
    with pytest.raises(WorktreeNotFound):
        await pool.changes("run_9", "0" * 40)


def test_where_a_path_really_lies(pool: PooledWorktrees, tmp_path: Path) -> None:
    root = tmp_path / "w"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    assert str(pool.locate(root, "a/b.py")) == "a/b.py"
    assert str(pool.locate(root, str(root / "c"))) == "c"
    assert pool.locate(root, "../x") is None
    assert pool.locate(root, "/etc/passwd") is None
    assert pool.locate(root, "out/x") is None


async def test_a_file_that_became_a_folder_and_a_changed_mode_are_changes(
    pool: PooledWorktrees, bare: Bare
) -> None:
    path = await lend(pool, bare)
    (path / "README.md").unlink()
    (path / "README.md").mkdir()
    (path / "README.md/inner.txt").write_text("x")
    (path / ".gitignore").chmod(0o755)
    changes = await pool.changes("run_1", bare.sha)
    assert changes == [
        Change(".gitignore", False),
        Change("README.md", False),
        Change("README.md/inner.txt", True),
    ]
    sha = await pool.commit("run_1", bare.sha, [one.path for one in changes], "m", AUTHOR, 1)
    await pool.give_back("run_1")
    assert sha != bare.sha


async def test_a_file_written_back_as_it_was_is_no_change(pool: PooledWorktrees, bare: Bare) -> None:
    path = await lend(pool, bare)
    (path / "README.md").write_text("other\n")
    (path / "README.md").write_text("hello\n")
    assert await pool.changes("run_1", bare.sha) == []


async def test_spare_worktrees_are_bounded_in_bytes_too(bare: Bare, tmp_path: Path) -> None:
    trees = PooledWorktrees(
        tmp_path / "worktrees",
        lambda project: tmp_path / "forge" / f"{project}.git",
        new_id,
        Bounds(spare=9, size_bytes=1),
    )
    await lend(trees, bare)
    await trees.give_back("run_1")
    assert list((tmp_path / "worktrees" / PROJECT).glob("slot_*")) == []


async def test_a_worktree_in_doubt_is_never_used_again_and_what_was_in_it_is_kept(
    pool: PooledWorktrees, bare: Bare, kept: Path
) -> None:
    path = await lend(pool, bare)
    (path / "half.py").write_text("half")
    await pool.doubt(path)
    again = await lend(pool, bare)
    assert again != path
    assert not path.exists()
    assert (kept / "run_1/1/files/half.py").read_text() == "half"
    await pool.doubt(again)
    await pool.give_back("run_1")
    assert await lend(pool, bare, "run_2") not in (path, again)


async def test_a_folder_without_record_is_named_and_left_alone(
    pool: PooledWorktrees, bare: Bare, tmp_path: Path
) -> None:
    await lend(pool, bare)
    strange = tmp_path / "worktrees" / PROJECT / "slot_strange"
    strange.mkdir()
    assert list(await pool.unknown()) == [strange]
    await pool.give_back("run_1")
    assert strange.is_dir()


async def test_the_spare_one_that_was_free_for_longest_is_deleted_first(bare: Bare, tmp_path: Path) -> None:
    trees = PooledWorktrees(
        tmp_path / "worktrees", lambda project: bare.path, new_id, Bounds(spare=1, size_bytes=10**9)
    )
    first, second = [await lend(trees, bare, run) for run in ("run_1", "run_2")]
    await trees.give_back("run_2")
    await trees.give_back("run_1")
    assert (first.exists(), second.exists()) == (True, False)
