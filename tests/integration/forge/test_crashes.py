"""Killed in the middle: every half state is finished or thrown away, and nothing else is touched."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pygit2
import pytest

from kyros.forge.adapters.builtin import BuiltinForge
from kyros.forge.errors import GitBusy, RepositoryNotFound
from kyros.forge.model import Branch, Check, Commit, NewPull, Project, PullState, Verdict
from kyros.forge.store import SqlForgeStore
from kyros.kernel.errors import DiskFull

FIRST = Commit("Hand over\n", "Kyros", "kyros@example.invalid", 1_700_000_100)
MERGE = Commit("Merge\n", "Ann", "ann@example.invalid", 1_700_000_200)
FILES: Mapping[str, bytes] = {"TASK.md": b"do\n"}


async def delegated(forge: BuiltinForge, clone: Any) -> tuple[Project, Branch]:
    project = (await forge.adopt(str(clone.path))).project
    return project, await forge.open_branch(project.id, "feature/x", "main", FILES, FIRST)


async def repository_of(forge: BuiltinForge, project: Project) -> pygit2.Repository:
    return pygit2.Repository(str(await forge.clone_path(project.id)))


async def test_a_half_copy_of_a_killed_maker_is_swept(forge: BuiltinForge, clone: Any, folder: Path) -> None:
    half = folder / ".new-project_killed"
    (half / "objects").mkdir(parents=True)
    (half / "objects/tmp_pack").write_bytes(b"half")
    project = (await forge.adopt(str(clone.path))).project
    assert [path.name for path in folder.iterdir()] == [f"{project.id}.git"]


async def test_the_copy_of_a_living_maker_is_left_alone(
    forge: BuiltinForge, clone: Any, folder: Path
) -> None:
    half = folder / ".new-project_alive"
    half.mkdir(parents=True)
    handle = os.open(half, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    await forge.adopt(str(clone.path))
    assert half.is_dir()
    os.close(handle)


async def test_killed_between_the_row_and_the_renaming_the_copy_is_kept(
    forge: BuiltinForge, clone: Any, folder: Path
) -> None:
    project, branch = await delegated(forge, clone)
    (folder / f"{project.id}.git").rename(folder / f".new-{project.id}")
    assert (await forge.adopt(str(clone.path))).project == project
    assert await forge.head_of(project.id, branch.name) == branch.head_sha
    assert [path.name for path in folder.iterdir()] == [f"{project.id}.git"]


async def test_a_copy_that_somebody_removed_is_made_anew_for_the_same_project(
    forge: BuiltinForge, clone: Any, folder: Path
) -> None:
    project = (await forge.adopt(str(clone.path))).project
    shutil.rmtree(folder / f"{project.id}.git")
    with pytest.raises(RepositoryNotFound, match="once more"):
        await forge.head_of(project.id, "main")
    assert (await forge.adopt(str(clone.path))).project == project
    assert await forge.head_of(project.id, "main") == clone.git("rev-parse", "HEAD")


async def test_repositories_without_a_row_are_never_swept(
    forge: BuiltinForge, clone: Any, folder: Path
) -> None:
    kept = folder / "project_of_a_restored_backup.git"
    kept.mkdir(parents=True)
    await forge.adopt(str(clone.path))
    assert kept.is_dir()


async def test_killed_before_the_base_was_set_up_the_next_adoption_does_it(
    forge: BuiltinForge, clone: Any
) -> None:
    project = (await forge.adopt(str(clone.path))).project
    (await repository_of(forge, project)).references.delete("refs/heads/main")
    await forge.adopt(str(clone.path))
    assert await forge.head_of(project.id, "main") == clone.git("rev-parse", "HEAD")


async def test_killed_between_the_branch_and_its_row_the_repeat_makes_neither_twice(
    forge: BuiltinForge, clone: Any, outbox: Any
) -> None:
    project = (await forge.adopt(str(clone.path))).project
    outbox.broken = True
    with pytest.raises(OSError, match="no room"):
        await forge.open_branch(project.id, "feature/x", "main", FILES, FIRST)
    outbox.broken = False
    clone.commit({"b": "moved on\n"})
    await forge.adopt(str(clone.path))
    one = await forge.open_branch(project.id, "feature/x", "main", FILES, FIRST)
    two = await forge.open_branch(project.id, "feature/x", "main", FILES, FIRST)
    assert one == two
    assert outbox.names().count("branch_opened") == 1


async def test_killed_between_the_merge_and_its_row_the_repeat_finds_the_merge(
    forge: BuiltinForge, clone: Any, outbox: Any
) -> None:
    project, branch = await delegated(forge, clone)
    pull = await forge.open_pull(NewPull(project.id, "X", "", branch.name, "main"), "ann")
    outbox.broken = True
    with pytest.raises(OSError, match="no room"):
        await forge.merge(pull.id, "ann", MERGE, ["TASK.md"])
    outbox.broken = False
    made = await forge.head_of(project.id, "main")
    assert (await forge.pull(pull.id)).state is PullState.OPEN
    merged = await forge.merge(pull.id, "ann", MERGE, ["TASK.md"])
    assert merged.merge_sha == made == await forge.head_of(project.id, "main")
    assert outbox.names().count("pull_merged") == 1


async def test_that_merge_is_found_under_later_ones(forge: BuiltinForge, clone: Any, outbox: Any) -> None:
    project, branch = await delegated(forge, clone)
    pull = await forge.open_pull(NewPull(project.id, "X", "", branch.name, "main"), "ann")
    outbox.broken = True
    with pytest.raises(OSError, match="no room"):
        await forge.merge(pull.id, "ann", MERGE)
    outbox.broken = False
    made = await forge.head_of(project.id, "main")
    later = await forge.open_branch(project.id, "feature/y", "main", {"y": b"y"}, FIRST)
    other = await forge.open_pull(NewPull(project.id, "Y", "", later.name, "main"), "ann")
    await forge.merge(other.id, "ann", MERGE)
    assert (await forge.merge(pull.id, "ann", MERGE)).merge_sha == made


async def test_killed_between_the_deletion_and_its_row_the_repeat_tells_it_once(
    forge: BuiltinForge, clone: Any, outbox: Any
) -> None:
    project, branch = await delegated(forge, clone)
    pull = await forge.open_pull(NewPull(project.id, "X", "", branch.name, "main"), "ann")
    await forge.merge(pull.id, "ann", MERGE)
    outbox.broken = True
    with pytest.raises(OSError, match="no room"):
        await forge.delete_merged_branch(project.id, branch.name)
    outbox.broken = False
    assert await forge.head_of(project.id, branch.name) is None
    assert await forge.delete_merged_branch(project.id, branch.name)
    assert await forge.delete_merged_branch(project.id, branch.name)
    assert outbox.names().count("branch_deleted") == 1


async def test_the_lock_of_a_killed_process_is_broken_and_a_fresh_one_waited_for(
    forge: BuiltinForge, clone: Any
) -> None:
    project, branch = await delegated(forge, clone)
    pull = await forge.open_pull(NewPull(project.id, "X", "", branch.name, "main"), "ann")
    lock = (await forge.clone_path(project.id)) / "refs/heads/main.lock"
    lock.touch()
    with pytest.raises(GitBusy, match="try again"):
        await forge.merge(pull.id, "ann", MERGE)
    assert lock.exists()
    os.utime(lock, (0, 0))
    assert (await forge.merge(pull.id, "ann", MERGE)).state is PullState.MERGED
    assert not lock.exists()


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """The forge's folder as a disk of 400 KB; skipped where mounting is not allowed."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_full_disk_leaves_no_half_project(forge: BuiltinForge, clone: Any, small_disk: Path) -> None:
    clone.commit({"big.bin": os.urandom(600_000)})
    with pytest.raises(DiskFull, match="free some space"):
        await forge.adopt(str(clone.path))
    assert list(small_disk.iterdir()) == []
    assert await forge.projects() == []


async def test_a_disk_that_fills_up_later_loses_nothing(
    forge: BuiltinForge, clone: Any, small_disk: Path
) -> None:
    project, branch = await delegated(forge, clone)
    (small_disk / "ballast").write_bytes(b"x" * 200_000)
    with pytest.raises(DiskFull):
        await forge.open_branch(project.id, "feature/y", "main", {"BIG": os.urandom(300_000)}, FIRST)
    clone.commit({"big.bin": os.urandom(300_000)})
    with pytest.raises(DiskFull):
        await forge.adopt(str(clone.path))
    assert await forge.head_of(project.id, branch.name) == branch.head_sha
    assert await forge.head_of(project.id, "feature/y") is None
    (small_disk / "ballast").unlink()
    strays = [
        path.name
        for path in (await forge.clone_path(project.id)).rglob("*")
        if "git2" in path.name or "tmp" in path.name
    ]
    assert strays == []
    assert await forge.open_branch(project.id, "feature/y", "main", FILES, FIRST)


async def test_a_refused_event_takes_its_row_back(
    forge: BuiltinForge, clone: Any, outbox: Any, store: SqlForgeStore, folder: Path
) -> None:
    outbox.broken = True
    with pytest.raises(OSError, match="no room"):
        await forge.adopt(str(clone.path))
    assert await store.projects() == []
    outbox.broken = False
    project, branch = await delegated(forge, clone)
    assert [path.name for path in folder.iterdir()] == [f"{project.id}.git"]
    outbox.broken = True
    with pytest.raises(OSError, match="no room"):
        await forge.open_pull(NewPull(project.id, "X", "", branch.name, "main"), "ann")
    assert await store.pulls(None, None, 10) == []
    outbox.broken = False
    pull = await forge.open_pull(NewPull(project.id, "X", "", branch.name, "main"), "ann")
    outbox.broken = True
    for change in (
        forge.close(pull.id, "ann"),
        forge.update_pull(pull.id, "ann", "new"),
        forge.report_check(pull.id, Check("tests", Verdict.PASSED, "ok"), "ann"),
    ):
        with pytest.raises(OSError, match="no room"):
            await change
    assert await forge.pull(pull.id) == pull


async def test_each_change_is_told_once_with_what_it_was(
    forge: BuiltinForge, clone: Any, outbox: Any
) -> None:
    project, branch = await delegated(forge, clone)
    pull = await forge.open_pull(NewPull(project.id, "X", "", branch.name, "main"), "ann")
    await forge.update_pull(pull.id, "bob", "Body.")
    await forge.report_check(pull.id, Check("tests", Verdict.PASSED, "ok"), "worker")
    merged = await forge.merge(pull.id, "ann", MERGE)
    await forge.delete_merged_branch(project.id, branch.name)
    told = [(event.event, event.actor, event.target) for event in outbox.events]
    assert told == [
        ("project_adopted", "forge", project.id),
        ("branch_opened", "forge", project.id),
        ("pull_opened", "ann", pull.id),
        ("pull_updated", "bob", pull.id),
        ("check_reported", "worker", pull.id),
        ("pull_merged", "ann", pull.id),
        ("branch_deleted", "forge", project.id),
    ]
    assert outbox.events[5].details == {
        "project_id": project.id,
        "pull_id": pull.id,
        "number": 1,
        "head": "feature/x",
        "base": "main",
        "head_sha": branch.head_sha,
        "merge_sha": merged.merge_sha,
    }
