"""Adopting repositories of this machine: read, never written, whatever state they are in."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pygit2
import pytest

from kyros.forge.adapters.builtin import BuiltinForge
from kyros.forge.errors import (
    BaseNotFound,
    FileTooLarge,
    GitMissing,
    RepositoryEmpty,
    RepositoryNotFound,
    UpstreamRefused,
)
from kyros.forge.model import Commit, NewPull
from kyros.kernel.ids import new_id

FIRST = Commit("Hand over\n", "Kyros", "kyros@example.invalid", 1_700_000_100)
MERGE = Commit("Merge\n", "Ann", "ann@example.invalid", 1_700_000_200)


@pytest.fixture
def own_gitconfig(tmp_path: Path) -> Iterator[Path]:
    """The file libgit2 reads as the user's own settings."""
    level = pygit2.enums.ConfigLevel.GLOBAL
    before = pygit2.settings.search_path[level]
    pygit2.settings.search_path[level] = str(tmp_path)
    yield tmp_path / ".gitconfig"
    pygit2.settings.search_path[level] = before


async def bare(forge: BuiltinForge, project_id: str) -> pygit2.Repository:
    return pygit2.Repository(str(await forge.clone_path(project_id)))


async def test_a_whole_delegation_leaves_the_clone_as_it_was_to_the_byte(
    forge: BuiltinForge, clone: Any
) -> None:
    clone.write({"app.py": "print('half done')\n", "new.txt": "not added\n"})
    clone.git("stash", "--include-untracked")
    clone.write({"app.py": "print('dirty')\n"})
    before = clone.fingerprint()
    project = (await forge.adopt(str(clone.path))).project
    branch = await forge.open_branch(project.id, "feature/x", "main", {"TASK.md": b"do\n"}, FIRST)
    pull = await forge.open_pull(NewPull(project.id, "X", "", branch.name, "main"), "ann")
    await forge.merge(pull.id, "ann", MERGE)
    await forge.delete_merged_branch(project.id, branch.name)
    await forge.adopt(str(clone.path))
    with pytest.raises(UpstreamRefused):
        await forge.push_upstream(project.id, "main")
    assert clone.fingerprint() == before


async def test_the_copy_stands_on_its_own_and_never_tidies_itself(forge: BuiltinForge, clone: Any) -> None:
    sha = clone.git("rev-parse", "HEAD")
    project = (await forge.adopt(str(clone.path))).project
    shutil.rmtree(clone.path)
    path = await forge.clone_path(project.id)
    repository = pygit2.Repository(str(path))
    assert repository[sha].peel(pygit2.Tree)["app.py"]
    assert not (path / "objects/info/alternates").exists()
    assert repository.config["gc.auto"] == "0"
    assert repository.config["receive.autogc"] == "false"
    assert "remote.origin.url" not in repository.config
    assert not (path / "hooks").exists()


async def test_a_clone_that_borrows_objects_is_copied_whole(
    forge: BuiltinForge, clone: Any, tmp_path: Path
) -> None:
    clone.git("clone", "--quiet", "--shared", str(clone.path), str(tmp_path / "borrower"))
    project = (await forge.adopt(str(tmp_path / "borrower"))).project
    shutil.rmtree(clone.path)
    assert await forge.read_file(project.id, "main", "app.py") == b"print('hi')\n"


async def test_upstream_s_branches_and_tags_come_and_only_the_base_is_the_forge_s(
    forge: BuiltinForge, clone: Any
) -> None:
    clone.git("branch", "other")
    clone.git("tag", "v1")
    clone.git("tag", "--annotate", "v2", "--message", "two")
    project = (await forge.adopt(str(clone.path))).project
    refs = set((await bare(forge, project.id)).listall_references())
    assert refs == {
        "refs/heads/main",
        "refs/upstream/main",
        "refs/upstream/other",
        "refs/tags/v1",
        "refs/tags/v2",
    }


async def test_every_way_into_a_repository_is_one_project(
    forge: BuiltinForge, clone: Any, tmp_path: Path
) -> None:
    clone.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "side")
    (tmp_path / "link").symlink_to(clone.path)
    ways = [
        str(clone.path),
        f"{clone.path}/",
        str(clone.path / "docs"),
        str(clone.path / ".git"),
        str(tmp_path / "link"),
        str(tmp_path / "linked"),
        clone.path.as_uri(),
    ]
    found = [await forge.adopt(way) for way in ways]
    assert len({adopted.project.id for adopted in found}) == 1
    assert found[0].project.source == str(clone.path)
    assert [found[0].project.default_base, found[5].project.default_base] == ["main", "side"]


async def test_the_same_source_adopted_by_many_at_once_is_copied_once(
    store: Any, clone: Any, folder: Path
) -> None:
    made: list[str] = []
    forge = BuiltinForge(
        folder, store, lambda: datetime.now(UTC), lambda kind: made.append(kind) or new_id(kind)
    )
    found = await asyncio.gather(*(forge.adopt(str(clone.path)) for _ in range(8)))
    assert len({adopted.project.id for adopted in found}) == 1
    assert [path.name for path in folder.iterdir()] == [f"{found[0].project.id}.git"]
    assert made == ["project"]


async def test_a_second_forge_on_the_same_home_finds_the_same_project(
    forge: BuiltinForge, clone: Any, folder: Path, store: Any
) -> None:
    other = BuiltinForge(folder, store, lambda: datetime.now(UTC), new_id)
    one, two = await asyncio.gather(forge.adopt(str(clone.path)), other.adopt(str(clone.path)))
    assert one.project == two.project
    assert len(list(folder.iterdir())) == 1


async def test_names_are_made_unique(forge: BuiltinForge, make_clone: Any) -> None:
    names = []
    for parent in ("a", "b", "c"):
        clone = make_clone(f"{parent}/app")
        clone.commit({"a": "1"})
        names.append((await forge.adopt(str(clone.path))).project.name)
    assert names == ["app", "app-2", "app-3"]


async def test_a_bare_repository_is_fine(forge: BuiltinForge, clone: Any, tmp_path: Path) -> None:
    clone.git("clone", "--quiet", "--bare", str(clone.path), str(tmp_path / "team.git"))
    adopted = await forge.adopt(str(tmp_path / "team.git"))
    assert (adopted.project.name, adopted.project.default_base) == ("team", "main")
    assert adopted.notes == ()


async def test_a_bare_repository_with_head_on_a_branch_that_never_came(
    forge: BuiltinForge, clone: Any, make_clone: Any
) -> None:
    team = make_clone("team.git", "--bare", "--initial-branch=master")
    clone.git("push", "--quiet", str(team.path), "main")
    assert (await forge.adopt(str(team.path))).project.default_base == "main"


async def test_a_shallow_clone_is_fine_and_can_be_brought_up_to_date(
    forge: BuiltinForge, clone: Any, tmp_path: Path
) -> None:
    clone.commit({"b": "2"})
    shallow = tmp_path / "shallow"
    clone.git("clone", "--quiet", "--depth=1", clone.path.as_uri(), str(shallow))
    project = (await forge.adopt(str(shallow))).project
    assert await forge.read_file(project.id, "main", "b") == b"2"
    clone.commit({"c": "3"})
    subprocess.run(["git", "pull", "--quiet"], cwd=shallow, check=True)
    await forge.adopt(str(shallow))
    assert await forge.read_file(project.id, "main", "c") == b"3"


async def test_a_partial_clone_is_refused_with_a_way_out(
    forge: BuiltinForge, clone: Any, tmp_path: Path
) -> None:
    partial = tmp_path / "partial"
    clone.git("config", "uploadpack.allowFilter", "true")
    clone.git("clone", "--quiet", "--filter=blob:none", "--no-checkout", clone.path.as_uri(), str(partial))
    with pytest.raises(UpstreamRefused, match="partial clone"):
        await forge.adopt(str(partial))
    assert await forge.projects() == []


async def test_a_dirty_clone_is_noted(forge: BuiltinForge, clone: Any) -> None:
    assert (await forge.adopt(str(clone.path))).notes == ()
    clone.write({"new.txt": "untracked\n"})
    (note,) = (await forge.adopt(str(clone.path))).notes
    assert note == (
        f"{clone.path} has uncommitted changes: the agent starts from the last commit on main; "
        "commit them first if it needs them."
    )


async def test_a_detached_head_starts_from_the_likely_base_and_says_so(
    forge: BuiltinForge, clone: Any
) -> None:
    clone.git("branch", "topic")
    clone.git("checkout", "--quiet", "--detach")
    adopted = await forge.adopt(str(clone.path))
    assert adopted.project.default_base == "main"
    assert adopted.notes == (f"{clone.path} is on no branch (detached HEAD): the agent starts from main.",)


async def test_a_detached_head_without_a_likely_base_asks_for_one(forge: BuiltinForge, clone: Any) -> None:
    clone.git("branch", "--move", "one")
    clone.git("branch", "two")
    clone.git("checkout", "--quiet", "--detach")
    project = (await forge.adopt(str(clone.path))).project
    with pytest.raises(BaseNotFound, match=r"name one with --base \(one, two\)"):
        await forge.open_branch(project.id, "feature/x", project.default_base, {}, FIRST)
    assert (await forge.open_branch(project.id, "feature/x", "two", {"T": b"t"}, FIRST)).base == "two"


async def test_the_default_base_follows_the_source(forge: BuiltinForge, clone: Any, outbox: Any) -> None:
    await forge.adopt(str(clone.path))
    clone.git("checkout", "--quiet", "-b", "next")
    assert (await forge.adopt(str(clone.path))).project.default_base == "next"
    assert outbox.names() == ["project_adopted", "project_updated"]


@pytest.mark.parametrize("options", [(), ("--bare",)])
async def test_an_empty_repository_is_refused(
    forge: BuiltinForge, make_clone: Any, options: tuple[str, ...], folder: Path
) -> None:
    with pytest.raises(RepositoryEmpty, match="commit something first"):
        await forge.adopt(str(make_clone("empty", *options).path))
    assert not folder.exists()


async def test_an_unborn_branch_is_refused_naming_the_born_ones(forge: BuiltinForge, clone: Any) -> None:
    clone.git("checkout", "--quiet", "--orphan", "fresh")
    with pytest.raises(RepositoryEmpty, match=r"fresh, which has no commit yet.*\(main\)"):
        await forge.adopt(str(clone.path))


async def test_what_is_no_repository_is_refused(forge: BuiltinForge, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(RepositoryNotFound, match="not in a git repository"):
        await forge.adopt(str(tmp_path / "plain"))
    for missing in ("gone", "file"):
        with pytest.raises(RepositoryNotFound, match="no folder"):
            await forge.adopt(str(tmp_path / missing))


async def test_a_linked_worktree_whose_repository_is_gone_is_refused(
    forge: BuiltinForge, clone: Any, tmp_path: Path
) -> None:
    clone.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    shutil.rmtree(clone.path)
    with pytest.raises(RepositoryNotFound):
        await forge.adopt(str(tmp_path / "linked"))


async def test_without_git_the_first_copy_says_what_to_do(
    forge: BuiltinForge, clone: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(GitMissing, match="install it"):
        await forge.adopt(str(clone.path))
    assert list(folder.iterdir()) == []
    assert await forge.projects() == []


async def test_a_broken_repository_is_refused_and_leaves_nothing(
    forge: BuiltinForge, clone: Any, folder: Path
) -> None:
    (clone.path / ".git/config").write_text("[core\n")
    with pytest.raises(UpstreamRefused):
        await forge.adopt(str(clone.path))
    assert not folder.exists()


async def test_a_broken_branch_is_passed_over_or_named_with_a_way_out(
    forge: BuiltinForge, clone: Any
) -> None:
    (clone.path / ".git/refs/heads/broken").write_text("1" * 40 + "\n")
    for _ in range(2):
        project = (await forge.adopt(str(clone.path))).project
    refs = (await bare(forge, project.id)).listall_references()
    assert sorted(refs) == ["refs/heads/main", "refs/upstream/main"]
    clone.commit({"b": "2"})
    with pytest.raises(UpstreamRefused, match="git fsck"):
        await forge.adopt(str(clone.path))


async def test_a_repository_without_its_objects_is_refused(forge: BuiltinForge, clone: Any) -> None:
    shutil.rmtree(clone.path / ".git/objects")
    (clone.path / ".git/objects").mkdir()
    with pytest.raises(UpstreamRefused, match="git fsck"):
        await forge.adopt(str(clone.path))
    assert await forge.projects() == []


async def test_a_format_libgit2_cannot_read_is_refused(forge: BuiltinForge, make_clone: Any) -> None:
    with pytest.raises(UpstreamRefused, match="usual format"):
        await forge.adopt(str(make_clone("new", "--object-format=sha256").path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
async def test_what_another_user_owns_is_read_only_with_the_user_s_consent(
    forge: BuiltinForge, clone: Any, own_gitconfig: Path
) -> None:
    for path in [clone.path, *clone.path.rglob("*")]:
        os.chown(path, 1234, 1234)
    with pytest.raises(UpstreamRefused, match=r"safe\.directory"):
        await forge.adopt(str(clone.path))
    own_gitconfig.write_text(f"[safe]\n\tdirectory = {clone.path}\n")
    project = (await forge.adopt(str(clone.path))).project
    assert await forge.read_file(project.id, "main", "app.py") == b"print('hi')\n"


async def test_new_commits_branches_and_tags_come_with_the_next_adoption(
    forge: BuiltinForge, clone: Any
) -> None:
    project = (await forge.adopt(str(clone.path))).project
    sha = clone.commit({"b.py": "b\n"})
    clone.git("branch", "other")
    clone.git("tag", "v1")
    assert (await forge.adopt(str(clone.path))).notes == ()
    assert await forge.head_of(project.id, "main") == sha
    refs = (await bare(forge, project.id)).listall_references()
    assert {"refs/upstream/other", "refs/tags/v1"} <= set(refs)


async def test_a_branch_makes_way_for_a_folder_of_branches(forge: BuiltinForge, clone: Any) -> None:
    clone.git("branch", "topic")
    project = (await forge.adopt(str(clone.path))).project
    clone.git("branch", "--delete", "topic")
    clone.git("branch", "topic/one")
    await forge.adopt(str(clone.path))
    refs = (await bare(forge, project.id)).listall_references()
    assert sorted(ref for ref in refs if "topic" in ref) == ["refs/upstream/topic/one"]


async def test_a_base_that_is_ahead_here_is_kept(forge: BuiltinForge, clone: Any) -> None:
    project = (await forge.adopt(str(clone.path))).project
    branch = await forge.open_branch(project.id, "feature/x", "main", {"TASK.md": b"do\n"}, FIRST)
    pull = await forge.open_pull(NewPull(project.id, "X", "", branch.name, "main"), "ann")
    merged = await forge.merge(pull.id, "ann", MERGE)
    adopted = await forge.adopt(str(clone.path))
    assert await forge.head_of(project.id, "main") == merged.merge_sha
    assert adopted.notes == ()


async def test_a_base_that_parted_is_kept_and_noted_until_they_are_joined(
    forge: BuiltinForge, clone: Any
) -> None:
    project = (await forge.adopt(str(clone.path))).project
    branch = await forge.open_branch(project.id, "feature/x", "main", {"TASK.md": b"do\n"}, FIRST)
    pull = await forge.open_pull(NewPull(project.id, "X", "", branch.name, "main"), "ann")
    merged = await forge.merge(pull.id, "ann", MERGE)
    clone.commit({"b.py": "b\n"})
    (note,) = (await forge.adopt(str(clone.path))).notes
    assert "main has parted" in note
    assert "(2 commits here, 1 commit there)" in note
    assert await forge.head_of(project.id, "main") == merged.merge_sha
    command = note.partition("`")[2].partition("`")[0]
    clone.git(*command.split()[1:], "--quiet", "--no-rebase", "--no-edit")
    assert (await forge.adopt(str(clone.path))).notes == ()
    assert await forge.head_of(project.id, "main") == clone.git("rev-parse", "HEAD")


async def test_the_command_to_fetch_a_merge_works_in_the_clone(forge: BuiltinForge, clone: Any) -> None:
    project = (await forge.adopt(str(clone.path))).project
    branch = await forge.open_branch(project.id, "feature/x", "main", {"TASK.md": b"do\n"}, FIRST)
    pull = await forge.open_pull(NewPull(project.id, "X", "", branch.name, "main"), "ann")
    merged = await forge.merge(pull.id, "ann", MERGE)
    for other in (False, True):
        if other:
            clone.git("checkout", "--quiet", "-b", "elsewhere", "HEAD~1")
            clone.git("branch", "--force", "main", "HEAD")
        with pytest.raises(UpstreamRefused) as caught:
            await forge.push_upstream(project.id, "main")
        command = str(caught.value).partition("`")[2].partition("`")[0]
        clone.git(*command.split()[1:], "--quiet")
        assert clone.git("rev-parse", "main") == merged.merge_sha


async def test_a_bare_source_is_fast_forwarded_and_never_forced(
    forge: BuiltinForge, clone: Any, tmp_path: Path, make_clone: Any
) -> None:
    team = make_clone("team.git", "--bare")
    clone.git("push", "--quiet", str(team.path), "main")
    project = (await forge.adopt(str(team.path))).project
    branch = await forge.open_branch(project.id, "feature/x", "main", {"TASK.md": b"do\n"}, FIRST)
    await forge.push_upstream(project.id, branch.name)
    assert team.git("rev-parse", "feature/x") == branch.head_sha
    clone.commit({"b": "2"})
    clone.git("push", "--quiet", str(team.path), "main")
    moved = team.git("rev-parse", "main")
    pull = await forge.open_pull(NewPull(project.id, "X", "", branch.name, "main"), "ann")
    await forge.merge(pull.id, "ann", MERGE)
    with pytest.raises(UpstreamRefused, match="fetch and merge"):
        await forge.push_upstream(project.id, "main")
    assert team.git("rev-parse", "main") == moved


async def test_the_hooks_of_a_bare_source_have_their_say(
    forge: BuiltinForge, clone: Any, make_clone: Any
) -> None:
    team = make_clone("team.git", "--bare")
    clone.git("push", "--quiet", str(team.path), "main")
    hook = team.path / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    hook.chmod(0o755)
    project = (await forge.adopt(str(team.path))).project
    await forge.open_branch(project.id, "feature/x", "main", {"TASK.md": b"do\n"}, FIRST)
    with pytest.raises(UpstreamRefused, match="hook declined"):
        await forge.push_upstream(project.id, "feature/x")


async def test_submodules_are_left_as_they_are(forge: BuiltinForge, clone: Any, make_clone: Any) -> None:
    library = make_clone("library")
    library.commit({"l": "1"})
    clone.git("submodule", "--quiet", "add", str(library.path), "lib")
    clone.commit({})
    project = (await forge.adopt(str(clone.path))).project
    branch = await forge.open_branch(project.id, "feature/x", "main", {"TASK.md": b"do\n"}, FIRST)
    pull = await forge.open_pull(NewPull(project.id, "X", "", branch.name, "main"), "ann")
    await forge.merge(pull.id, "ann", MERGE)
    assert b"lib" in (await forge.read_file(project.id, "main", ".gitmodules") or b"")
    assert await forge.read_file(project.id, "main", "lib") is None


async def test_a_branch_only_the_source_has_is_a_base_and_large_files_are_not_read(
    forge: BuiltinForge, clone: Any
) -> None:
    clone.commit({"big.txt": "x" * 2_000_000, "kyros.toml": "[checks]\n"})
    clone.git("branch", "develop")
    project = (await forge.adopt(str(clone.path))).project
    assert await forge.base_of(project.id, "develop") == clone.git("rev-parse", "develop")
    assert await forge.read_file(project.id, "develop", "kyros.toml") == b"[checks]\n"
    assert await forge.has_file(project.id, "develop", "big.txt")
    assert not await forge.has_file(project.id, "develop", "none.txt")
    with pytest.raises(FileTooLarge, match="2000000 bytes"):
        await forge.read_file(project.id, "develop", "big.txt")
    with pytest.raises(BaseNotFound):
        await forge.base_of(project.id, "nope")
