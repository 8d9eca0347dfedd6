"""Pull requests on real git: numbers under pressure, diffs as git prints them, merges that race."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import pygit2
import pytest

from kyros.forge.adapters.builtin import BuiltinForge
from kyros.forge.errors import BaseNotFound, MergeConflict, PullNotFound, PullNotOpen
from kyros.forge.model import Check, Commit, NewPull, Project, Pull, PullState, Verdict

FIRST = Commit("Hand over\n", "Kyros", "kyros@example.invalid", 1_700_000_100)
MERGE = Commit("Merge it", "Ann", "ann@example.invalid", 1_700_000_200)


@pytest.fixture
async def project(forge: BuiltinForge, clone: Any) -> Project:
    clone.commit({"long.py": "".join(f"line {number}\n" for number in range(40)), "blob": b"\0\1\2"})
    return (await forge.adopt(str(clone.path))).project


async def proposed(
    forge: BuiltinForge, project: Project, name: str, files: Mapping[str, bytes], commit: Commit = FIRST
) -> Pull:
    branch = await forge.open_branch(project.id, name, "main", files, commit)
    return await forge.open_pull(NewPull(project.id, name, "", branch.name, "main"), "ann")


async def pushed(forge: BuiltinForge, clone: Any, pull: Pull, name: str = "") -> None:
    """Push the clone's HEAD to the pull's branch, as a worktree would."""
    bare = await forge.clone_path(pull.project_id)
    clone.git("push", "--quiet", str(bare), f"HEAD:refs/heads/{name or pull.head}")


async def worked_on(forge: BuiltinForge, clone: Any, pull: Pull, files: Mapping[str, bytes | str]) -> Pull:
    """The pull after a person added a commit to its branch."""
    clone.git("fetch", "--quiet", str(await forge.clone_path(pull.project_id)), pull.head)
    clone.git("checkout", "--quiet", "--detach", "FETCH_HEAD")
    clone.commit(files)
    await pushed(forge, clone, pull)
    clone.git("checkout", "--quiet", "main")
    return await forge.update_pull(pull.id, "ann")


async def test_numbers_are_unique_and_without_gaps_whoever_asks_at_once(
    forge: BuiltinForge, project: Project
) -> None:
    names = [f"feature/{number}" for number in range(12)]
    for name in names:
        await forge.open_branch(project.id, name, "main", {"TASK.md": b"do"}, FIRST)
    opening = [forge.open_pull(NewPull(project.id, name, "", name, "main"), "ann") for name in names * 2]
    pulls = await asyncio.gather(*opening)
    assert {pull.number for pull in pulls} == set(range(1, 13))
    assert len({pull.id for pull in pulls}) == 12


async def test_the_diff_is_what_git_prints(forge: BuiltinForge, project: Project, clone: Any) -> None:
    pull = await proposed(forge, project, "feature/x", {"TASK.md": b"do\n"})
    lines = [f"line {number}\n" for number in range(40)]
    clone.git("fetch", "--quiet", str(await forge.clone_path(project.id)), pull.head)
    clone.git("checkout", "--quiet", "--detach", "FETCH_HEAD")
    clone.git("mv", "long.py", "renamed.py")
    clone.git("rm", "--quiet", "docs/a.md")
    clone.commit(
        {
            "renamed.py": "".join([*lines[:20], "in between\n", *lines[20:]]),
            "blob": b"\0\3\4",
            "größe.txt": "ä\n",
            "no-newline": "end",
            'quo"te': "q\n",
            "empty": "",
        }
    )
    (clone.path / "app.py").chmod(0o755)
    (clone.path / "link").symlink_to("app.py")
    clone.commit({})
    await pushed(forge, clone, pull)
    await forge.update_pull(pull.id, "ann")
    printed = clone.git("diff", "--find-renames", "--no-color", "main...HEAD")
    likeness = re.compile(r"(?<=similarity index )\d+")  # each counts it in its own way
    assert likeness.sub("N", (await forge.diff(pull.id)).strip()) == likeness.sub("N", printed)
    assert "rename from long.py" in printed
    assert "Binary files a/blob and b/blob differ" in printed
    assert "new mode 100755" in printed


async def test_bytes_that_are_no_utf8_are_replaced(forge: BuiltinForge, project: Project) -> None:
    pull = await proposed(forge, project, "feature/x", {"latin.txt": b"gr\xfc\xdfe\n"})
    assert "+gr\ufffd\ufffde\n" in await forge.diff(pull.id)


async def test_the_user_s_taste_in_diffs_does_not_show(
    forge: BuiltinForge, project: Project, clone: Any
) -> None:
    pull = await worked_on(
        forge, clone, await proposed(forge, project, "feature/x", {"T": b"t\n"}), {"app.py": "a"}
    )
    config = pygit2.Repository(str(await forge.clone_path(project.id))).config
    assert (config["diff.noprefix"], config["diff.mnemonicPrefix"]) == ("false", "false")
    assert "--- a/app.py\n+++ b/app.py\n" in await forge.diff(pull.id)


async def test_a_merge_is_one_commit_that_names_its_pull(
    forge: BuiltinForge, project: Project, clone: Any
) -> None:
    pull = await proposed(forge, project, "feature/x", {"TASK.md": b"do\n"})
    pull = await worked_on(forge, clone, pull, {"app.py": "print('hello')\n"})
    message = Commit(
        "Merge it\n\nBecause.\n\nReviewed-by: Bob\n", "Ann", "ann@example.invalid", 1_700_000_200
    )
    merged = await forge.merge(pull.id, "ann", message, ["TASK.md"])
    clone.git("fetch", "--quiet", str(await forge.clone_path(project.id)), "main")
    assert clone.git("log", "-1", "--format=%P", "FETCH_HEAD").split() == [merged.base_sha, pull.head_sha]
    trailers = clone.git("log", "-1", "--format=%(trailers:unfold)", "FETCH_HEAD")
    assert trailers == f"Reviewed-by: Bob\nKyros-Pull: {pull.id}"
    assert clone.git("diff", "--name-only", "FETCH_HEAD^1", "FETCH_HEAD") == "app.py"
    clone.git("fsck", "--strict")


async def test_pulls_merged_at_once_all_land(forge: BuiltinForge, project: Project) -> None:
    pulls = [await proposed(forge, project, f"feature/{n}", {f"file-{n}": b"x"}) for n in range(6)]
    merged = await asyncio.gather(*(forge.merge(pull.id, "ann", MERGE) for pull in pulls))
    assert len({pull.merge_sha for pull in merged}) == 6
    for number in range(6):
        assert await forge.read_file(project.id, "main", f"file-{number}") == b"x"


async def test_one_pull_merged_by_many_at_once_is_merged_once(
    forge: BuiltinForge, project: Project, outbox: Any
) -> None:
    pull = await proposed(forge, project, "feature/x", {"x": b"x"})
    merged = await asyncio.gather(*(forge.merge(pull.id, "ann", MERGE) for _ in range(8)))
    assert {each.merge_sha for each in merged} == {await forge.head_of(project.id, "main")}
    assert outbox.names().count("pull_merged") == 1


async def test_a_conflict_with_a_deleted_file_names_it(
    forge: BuiltinForge, project: Project, clone: Any
) -> None:
    pull = await proposed(forge, project, "feature/x", {"TASK.md": b"do\n"})
    pull = await worked_on(forge, clone, pull, {"app.py": "print('hello')\n", "docs/a.md": "two\n"})
    clone.git("rm", "--quiet", "app.py")
    clone.commit({"docs/a.md": "three\n"})
    await forge.adopt(str(clone.path))
    before = await forge.head_of(project.id, "main")
    with pytest.raises(MergeConflict, match=r"app\.py, docs/a\.md") as caught:
        await forge.merge(pull.id, "ann", MERGE, ["TASK.md"])
    assert caught.value.facts["paths"] == ["app.py", "docs/a.md"]
    assert await forge.head_of(project.id, "main") == before


async def test_a_dropped_file_cannot_conflict(forge: BuiltinForge, project: Project, clone: Any) -> None:
    pull = await proposed(forge, project, "feature/x", {"TASK.md": b"ours\n"})
    clone.commit({"TASK.md": "of the project\n"})
    await forge.adopt(str(clone.path))
    await forge.merge(pull.id, "ann", MERGE, ["TASK.md"])
    assert await forge.read_file(project.id, "main", "TASK.md") == b"of the project\n"


async def test_a_branch_with_nothing_of_its_own_is_never_merged(
    forge: BuiltinForge, project: Project, clone: Any
) -> None:
    bare = await forge.clone_path(project.id)
    clone.git("push", "--quiet", str(bare), "HEAD:refs/heads/feature/none")
    pull = await forge.open_pull(NewPull(project.id, "None", "", "feature/none", "main"), "ann")
    assert await forge.diff(pull.id) == ""
    with pytest.raises(PullNotOpen, match="nothing to merge"):
        await forge.merge(pull.id, "ann", MERGE)
    assert not await forge.delete_merged_branch(project.id, "feature/none")


async def test_a_pull_that_upstream_took_in_counts_as_merged(
    forge: BuiltinForge, project: Project, clone: Any
) -> None:
    pull = await proposed(forge, project, "feature/x", {"TASK.md": b"do\n"})
    pull = await worked_on(forge, clone, pull, {"app.py": "print('hello')\n"})
    diff = await forge.diff(pull.id)
    clone.git("merge", "--quiet", "--no-ff", "--no-edit", pull.head_sha)
    theirs = clone.git("rev-parse", "HEAD")
    clone.commit({"later": "1"})
    await forge.adopt(str(clone.path))
    merged = await forge.merge(pull.id, "ann", MERGE)
    assert (merged.state, merged.merge_sha) == (PullState.MERGED, theirs)
    assert await forge.head_of(project.id, "main") == clone.git("rev-parse", "HEAD")
    assert await forge.diff(pull.id) == diff
    assert await forge.delete_merged_branch(project.id, pull.head)


async def test_another_merge_with_its_trailer_does_not_make_a_pull_merged(
    forge: BuiltinForge, project: Project, clone: Any
) -> None:
    victim = await proposed(forge, project, "feature/victim", {"v": b"v"})
    clone.git("checkout", "--quiet", "-b", "lie")
    clone.commit({"l": "l"})
    clone.git("checkout", "--quiet", "main")
    clone.git("merge", "--quiet", "--no-ff", "-m", f"Merge\n\nKyros-Pull: {victim.id}", "lie")
    await forge.adopt(str(clone.path))
    merged = await forge.merge(victim.id, "ann", MERGE)
    assert merged.head_sha == victim.head_sha
    assert await forge.read_file(project.id, "main", "v") == b"v"


async def test_a_pull_whose_branch_is_gone_is_not_merged(forge: BuiltinForge, project: Project) -> None:
    pull = await proposed(forge, project, "feature/x", {"x": b"x"})
    pygit2.Repository(str(await forge.clone_path(project.id))).references.delete("refs/heads/feature/x")
    with pytest.raises(PullNotOpen, match="branch of pull request app#1 is gone"):
        await forge.merge(pull.id, "ann", MERGE)
    assert (await forge.update_pull(pull.id, "ann")) == pull
    assert "+x" in await forge.diff(pull.id)


async def test_a_pull_needs_both_its_branches(forge: BuiltinForge, project: Project) -> None:
    await forge.open_branch(project.id, "feature/x", "main", {"x": b"x"}, FIRST)
    with pytest.raises(BaseNotFound, match="feature/gone"):
        await forge.open_pull(NewPull(project.id, "X", "", "feature/gone", "main"), "ann")
    with pytest.raises(BaseNotFound, match="nope"):
        await forge.open_pull(NewPull(project.id, "X", "", "feature/x", "nope"), "ann")
    assert await forge.pulls(None, None, 10) == []


async def test_branches_kyros_did_not_open_are_kept(
    forge: BuiltinForge, project: Project, clone: Any
) -> None:
    clone.git("checkout", "--quiet", "-b", "mine")
    clone.commit({"mine": "1"})
    clone.git("push", "--quiet", str(await forge.clone_path(project.id)), "mine")
    pull = await forge.open_pull(NewPull(project.id, "Mine", "", "mine", "main"), "ann")
    await forge.merge(pull.id, "ann", MERGE)
    assert not await forge.delete_merged_branch(project.id, "mine")


async def test_what_left_the_base_again_is_not_deleted(
    forge: BuiltinForge, project: Project, clone: Any
) -> None:
    pull = await proposed(forge, project, "feature/x", {"x": b"x"})
    await forge.merge(pull.id, "ann", MERGE)
    bare = await forge.clone_path(project.id)
    with pytest.raises(AssertionError, match="non-fast-forward"):
        clone.git("push", "--quiet", "--force", str(bare), "main:main")
    clone.git("--git-dir", str(bare), "update-ref", "refs/heads/main", clone.git("rev-parse", "main"))
    assert not await forge.delete_merged_branch(project.id, "feature/x")


async def test_one_number_in_two_projects_must_be_told_apart(
    forge: BuiltinForge, project: Project, make_clone: Any
) -> None:
    other_clone = make_clone("lib")
    other_clone.commit({"a": "1"})
    other = (await forge.adopt(str(other_clone.path))).project
    one = await proposed(forge, project, "feature/x", {"x": b"x"})
    two = await proposed(forge, other, "feature/x", {"x": b"x"})
    with pytest.raises(PullNotFound, match="say which of app#1, lib#1"):
        await forge.pull("1")
    assert await forge.pull("app#1") == one
    assert await forge.pull("lib#1") == two


async def test_checks_survive_a_new_forge_on_the_same_home(forge: BuiltinForge, project: Project) -> None:
    pull = await proposed(forge, project, "feature/x", {"x": b"x"})
    check = Check("tests", Verdict.TIMED_OUT, "stopped", "tail\n", pull.head_sha, 900_000)
    await forge.report_check(pull.id, check, "worker")
    assert (await forge.pull(pull.id)).checks == (check,)
