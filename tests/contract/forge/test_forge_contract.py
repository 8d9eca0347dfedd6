"""What every forge promises."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from kyros.forge.errors import (
    BaseNotFound,
    BranchExists,
    BranchMoved,
    FileExists,
    MergeConflict,
    ProjectNotFound,
    PullNotFound,
    PullNotOpen,
    RepositoryNotFound,
    UpstreamRefused,
)
from kyros.forge.model import Branch, Check, Commit, NewPull, Project, Pull, PullState, Verdict

FIRST = Commit("Hand over: greet\n", "Kyros", "kyros@example.invalid", 1_700_000_100)
MERGE = Commit("Merge greet\n", "Ann", "ann@example.invalid", 1_700_000_200)
TASK: Mapping[str, bytes] = {"TASK.md": b"# Greet\n"}
FILES = {"app.py": b"print('hi')\n", "docs/a.md": b"one\n"}


async def adopted(world: Any, name: str = "app") -> Project:
    project: Project = (await world.forge.adopt(await world.source(name, FILES))).project
    return project


async def opened(world: Any, project: Project, name: str = "feature/greet") -> Branch:
    branch: Branch = await world.forge.open_branch(project.id, name, "main", TASK, FIRST)
    return branch


async def proposed(world: Any, project: Project, name: str = "feature/greet") -> Pull:
    """A branch with one commit of work, and its pull request."""
    await opened(world, project, name)
    await world.push(project.id, name, {"app.py": b"print('hello')\n"})
    pull: Pull = await world.forge.open_pull(NewPull(project.id, "Greet", "Please.", name, "main"), "ann")
    return pull


async def test_a_source_becomes_one_project_however_often(world: Any) -> None:
    source = await world.source("app", FILES, "trunk")
    first = await world.forge.adopt(source)
    again = await world.forge.adopt(source)
    assert first.project == again.project
    assert (first.project.name, first.project.default_base) == ("app", "trunk")
    assert await world.forge.projects() == [first.project]


async def test_a_project_is_found_by_id_and_by_name(world: Any) -> None:
    project = await adopted(world)
    assert await world.forge.project(project.id) == project
    assert await world.forge.project("app") == project
    with pytest.raises(ProjectNotFound):
        await world.forge.project("other")


async def test_a_source_that_is_not_there_is_refused(world: Any) -> None:
    with pytest.raises(RepositoryNotFound):
        await world.forge.adopt("/nowhere/at/all")


async def test_files_are_read_at_a_branch_and_at_a_commit(world: Any) -> None:
    project = await adopted(world)
    branch = await opened(world, project)
    assert await world.forge.read_file(project.id, "main", "docs/a.md") == b"one\n"
    assert await world.forge.read_file(project.id, branch.head_sha, "TASK.md") == b"# Greet\n"
    assert await world.forge.read_file(project.id, "main", "TASK.md") is None
    assert await world.forge.read_file(project.id, "main", "docs") is None
    with pytest.raises(BaseNotFound):
        await world.forge.read_file(project.id, "other", "app.py")


async def test_a_branch_opens_with_one_commit_on_its_base(world: Any) -> None:
    project = await adopted(world)
    base = await world.forge.head_of(project.id, "main")
    branch = await opened(world, project)
    assert (branch.base, branch.base_sha) == ("main", base)
    assert await world.forge.head_of(project.id, "feature/greet") == branch.head_sha
    assert await world.forge.head_of(project.id, "main") == base


async def test_opening_the_same_branch_again_finds_it_though_the_base_moved(world: Any) -> None:
    project = await adopted(world)
    first = await opened(world, project)
    await world.push(project.id, "main", {"TASK.md": b"in the way now\n"})
    assert await opened(world, project) == first


async def test_a_branch_with_something_else_is_not_touched(world: Any) -> None:
    project = await adopted(world)
    branch = await opened(world, project)
    with pytest.raises(BranchExists):
        await world.forge.open_branch(project.id, branch.name, "main", {"TASK.md": b"other\n"}, FIRST)
    with pytest.raises(BranchExists):
        await world.forge.open_branch(project.id, "main", "main", TASK, FIRST)
    assert await world.forge.head_of(project.id, branch.name) == branch.head_sha


async def test_a_file_that_the_base_has_is_never_overwritten(world: Any) -> None:
    project = await adopted(world)
    await world.push(project.id, "main", {"TASK.md": b"mine\n"})
    with pytest.raises(FileExists, match=r"TASK\.md"):
        await opened(world, project)
    assert await world.forge.head_of(project.id, "feature/greet") is None


async def test_a_missing_base_is_refused_naming_the_branches_there_are(world: Any) -> None:
    project = await adopted(world)
    with pytest.raises(BaseNotFound, match=r"--base .*main"):
        await world.forge.open_branch(project.id, "feature/x", "develop", TASK, FIRST)


async def test_pulls_are_numbered_per_project(world: Any) -> None:
    one, two = await adopted(world, "one"), await adopted(world, "two")
    first = await proposed(world, one, "feature/a")
    second = await proposed(world, one, "feature/b")
    other = await proposed(world, two)
    assert [first.number, second.number, other.number] == [1, 2, 1]
    assert first.state is PullState.OPEN
    assert await world.forge.pull("one#2") == second
    assert await world.forge.pull("2") == second
    assert await world.forge.pull(other.id) == other
    for ref in ("1", "one#9", "nothing", "9"):
        with pytest.raises(PullNotFound):
            await world.forge.pull(ref)


async def test_an_open_pull_of_the_same_head_is_returned_as_it_is(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    again = await world.forge.open_pull(NewPull(project.id, "Other", "", pull.head, "main"), "ann")
    assert again == pull


async def test_pulls_are_listed_newest_first_and_by_state_and_project(world: Any) -> None:
    one, two = await adopted(world, "one"), await adopted(world, "two")
    first = await proposed(world, one, "feature/a")
    second = await proposed(world, one, "feature/b")
    other = await proposed(world, two)
    await world.forge.close(first.id, "ann")

    async def listed(state: PullState | None, project_id: str | None, limit: int = 10) -> list[str]:
        return [pull.id for pull in await world.forge.pulls(state, project_id, limit)]

    assert await listed(None, None) == [other.id, second.id, first.id]
    assert await listed(PullState.OPEN, one.id) == [second.id]
    assert await listed(PullState.CLOSED, None) == [first.id]
    assert await listed(None, None, 1) == [other.id]


async def test_an_update_reads_the_branch_again_and_takes_a_new_body(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    head = await world.push(project.id, pull.head, {"more.py": b"more\n"})
    updated = await world.forge.update_pull(pull.id, "ann", "All of it.")
    assert (updated.head_sha, updated.body, updated.base_sha) == (head, "All of it.", pull.base_sha)
    assert await world.forge.update_pull(pull.id, "ann") == updated


async def test_the_newest_verdict_of_a_check_replaces_the_older(world: Any) -> None:
    pull = await proposed(world, await adopted(world))
    red = Check("tests", Verdict.FAILED, "2 failed", "…\n", pull.head_sha, 1200)
    green = replace(red, verdict=Verdict.PASSED, summary="all passed")
    lint = Check("lint", Verdict.PENDING, "running")
    for check in (red, lint, green, green):
        pull = await world.forge.report_check(pull.id, check, "worker")
    assert list(pull.checks) == [lint, green]
    assert await world.forge.pull(pull.id) == pull


async def test_the_diff_is_what_the_branch_changed_and_nothing_else(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    await world.push(project.id, "main", {"elsewhere.py": b"new on main\n"})
    diff = await world.forge.diff(pull.id)
    assert "diff --git a/app.py b/app.py" in diff
    assert "-print('hi')\n+print('hello')\n" in diff
    assert "diff --git a/TASK.md b/TASK.md\nnew file mode 100644" in diff
    assert "elsewhere.py" not in diff


async def test_a_merge_brings_the_work_to_the_base_without_the_dropped_file(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    await world.push(project.id, "main", {"elsewhere.py": b"new on main\n"})
    merged = await world.forge.merge(pull.id, "ann", MERGE, ["TASK.md", "not/there"])
    assert merged.state is PullState.MERGED
    assert await world.forge.head_of(project.id, "main") == merged.merge_sha
    assert await world.forge.read_file(project.id, "main", "app.py") == b"print('hello')\n"
    assert await world.forge.read_file(project.id, "main", "elsewhere.py") == b"new on main\n"
    assert await world.forge.read_file(project.id, "main", "TASK.md") is None
    assert await world.forge.merge(pull.id, "ann", MERGE) == merged


async def test_a_dropped_file_that_the_base_has_stays_as_the_base_has_it(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    await world.push(project.id, "main", {"TASK.md": b"of the project\n"})
    await world.forge.merge(pull.id, "ann", MERGE, ["TASK.md"])
    assert await world.forge.read_file(project.id, "main", "TASK.md") == b"of the project\n"


async def test_a_file_the_project_always_had_is_merged_although_it_is_to_be_dropped(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    await world.forge.merge(pull.id, "ann", MERGE, ["app.py"])
    assert await world.forge.read_file(project.id, "main", "app.py") == b"print('hello')\n"


async def test_a_merged_pull_keeps_the_diff_it_was_merged_with(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    await world.forge.merge(pull.id, "ann", MERGE, ["TASK.md"])
    await world.push(project.id, "main", {"app.py": b"print('later')\n"})
    diff = await world.forge.diff(pull.id)
    assert "-print('hi')\n+print('hello')\n" in diff
    assert "TASK.md" not in diff
    assert "later" not in diff


async def test_a_conflict_names_its_paths_and_changes_nothing(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    base = await world.push(project.id, "main", {"app.py": b"print('bye')\n"})
    with pytest.raises(MergeConflict, match=r"app\.py") as caught:
        await world.forge.merge(pull.id, "ann", MERGE)
    assert caught.value.facts["paths"] == ["app.py"]
    assert await world.forge.head_of(project.id, "main") == base
    assert (await world.forge.pull(pull.id)).state is PullState.OPEN


async def test_what_was_pushed_after_the_last_look_is_not_merged_unseen(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    head = await world.push(project.id, pull.head, {"late.py": b"late\n"})
    with pytest.raises(BranchMoved):
        await world.forge.merge(pull.id, "ann", MERGE)
    assert (await world.forge.pull(pull.id)).head_sha == head
    assert (await world.forge.merge(pull.id, "ann", MERGE)).head_sha == head


async def test_a_closed_pull_is_not_merged_and_a_merged_one_not_closed(world: Any) -> None:
    project = await adopted(world)
    closed, merged = await proposed(world, project, "feature/a"), await proposed(world, project, "feature/b")
    await world.forge.close(closed.id, "ann")
    await world.forge.merge(merged.id, "ann", MERGE)
    assert (await world.forge.close(closed.id, "ann")).state is PullState.CLOSED
    with pytest.raises(PullNotOpen):
        await world.forge.merge(closed.id, "ann", MERGE)
    with pytest.raises(PullNotOpen):
        await world.forge.close(merged.id, "ann")
    assert await world.forge.head_of(project.id, "feature/a") is not None


async def test_a_closed_pull_makes_way_for_a_new_one_of_the_same_branch(world: Any) -> None:
    project = await adopted(world)
    first = await proposed(world, project)
    await world.forge.close(first.id, "ann")
    second = await world.forge.open_pull(NewPull(project.id, "Again", "", first.head, "main"), "ann")
    assert (second.number, second.state) == (2, PullState.OPEN)


async def test_a_merged_branch_is_deleted_once_and_for_all(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    await world.forge.merge(pull.id, "ann", MERGE)
    assert await world.forge.delete_merged_branch(project.id, pull.head)
    assert await world.forge.head_of(project.id, pull.head) is None
    assert await world.forge.delete_merged_branch(project.id, pull.head)
    assert await world.forge.diff(pull.id)


async def test_nothing_unmerged_is_ever_deleted(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    assert not await world.forge.delete_merged_branch(project.id, pull.head)
    await world.forge.close(pull.id, "ann")
    assert not await world.forge.delete_merged_branch(project.id, pull.head)
    assert not await world.forge.delete_merged_branch(project.id, "main")
    assert await world.forge.head_of(project.id, pull.head) == pull.head_sha


async def test_a_branch_that_went_on_after_its_merge_is_kept(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    await world.forge.merge(pull.id, "ann", MERGE)
    head = await world.push(project.id, pull.head, {"late.py": b"late\n"})
    assert not await world.forge.delete_merged_branch(project.id, pull.head)
    assert await world.forge.head_of(project.id, pull.head) == head


async def test_a_branch_that_another_open_pull_grows_on_is_kept(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    await world.forge.open_branch(project.id, "feature/next", pull.head, {"NEXT.md": b"next\n"}, FIRST)
    await world.forge.open_pull(NewPull(project.id, "Next", "", "feature/next", pull.head), "ann")
    await world.forge.merge(pull.id, "ann", MERGE)
    assert not await world.forge.delete_merged_branch(project.id, pull.head)


async def test_the_base_is_pushed_to_a_source_that_may_be_written(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    await world.forge.merge(pull.id, "ann", MERGE)
    await world.forge.push_upstream(project.id, "main")
    assert (await world.forge.adopt(project.source)).notes == ()


async def test_a_working_clone_is_never_pushed_to(world: Any) -> None:
    source = await world.working_clone("mine", FILES)
    project = (await world.forge.adopt(source)).project
    with pytest.raises(UpstreamRefused, match="working clone"):
        await world.forge.push_upstream(project.id, "main")


async def test_merging_again_does_not_undo_what_the_source_lacks(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    merged = await world.forge.merge(pull.id, "ann", MERGE)
    await world.forge.adopt(project.source)
    assert await world.forge.head_of(project.id, "main") == merged.merge_sha


async def test_a_branch_has_a_pull_whatever_became_of_it(world: Any) -> None:
    project = await adopted(world)
    pull = await proposed(world, project)
    await opened(world, project, "feature/alone")
    await world.forge.close(pull.id, "ann")
    assert await world.forge.has_pull(project.id, "feature/greet")
    assert not await world.forge.has_pull(project.id, "feature/alone")
    assert not await world.forge.has_pull(project.id, "main")
