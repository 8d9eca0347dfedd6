"""Branches on real git: names, bases and races."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pygit2
import pytest

from kyros.forge.adapters.builtin import BuiltinForge
from kyros.forge.adapters.builtin.refs import delete, move, tip
from kyros.forge.adapters.builtin.shelf import Shelf
from kyros.forge.errors import BaseNotFound, BranchExists, BranchNameInvalid, FileExists
from kyros.forge.model import Branch, Commit, Project
from kyros.kernel.errors import Invalid

FIRST = Commit("Hand over: größer 🎉\n", "Kyros", "kyros@example.invalid", 1_700_000_100)
FILES: Mapping[str, bytes] = {"TASK.md": b"do\n"}


@pytest.fixture
async def project(forge: BuiltinForge, clone: Any) -> Project:
    clone.git("branch", "develop")
    clone.git("tag", "v1")
    return (await forge.adopt(str(clone.path))).project


async def test_git_sees_a_plain_commit(forge: BuiltinForge, project: Project, clone: Any) -> None:
    branch = await forge.open_branch(project.id, "feature/x", "main", {"a/b/T.md": b"t\n", **FILES}, FIRST)
    clone.git("fetch", "--quiet", str(await forge.clone_path(project.id)), "feature/x")
    assert clone.git("log", "-1", "--format=%H|%s|%an <%ae>|%ct %ci", "FETCH_HEAD") == (
        f"{branch.head_sha}|Hand over: größer 🎉|Kyros <kyros@example.invalid>"
        "|1700000100 2023-11-14 22:15:00 +0000"
    )
    assert clone.git("diff", "--name-status", "HEAD", "FETCH_HEAD") == "A\tTASK.md\nA\ta/b/T.md"
    clone.git("fsck", "--strict")


@pytest.mark.parametrize(
    "name",
    ["", "-x", "a b", "a..b", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a\\b", "/a", "a/", "a//b", "a.lock",
     "a/.b", "a.", "@{u}", "@", "HEAD", "a\nb", "a\0b", "\ud800", "x" * 300, "../../x"],
)  # fmt: skip
async def test_names_git_would_not_take_are_refused(forge: BuiltinForge, project: Project, name: str) -> None:
    with pytest.raises(BranchNameInvalid):
        await forge.open_branch(project.id, name, "main", FILES, FIRST)


async def test_names_in_other_scripts_are_fine(forge: BuiltinForge, project: Project) -> None:
    branch = await forge.open_branch(project.id, "feature/größer-🎉", "main", FILES, FIRST)
    assert await forge.head_of(project.id, "feature/größer-🎉") == branch.head_sha


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("", "--base"),
        ("nope", r"no branch 'nope': name one with --base \(develop, main\)"),
        ("origin/main", "write --base main, not origin/main"),
        ("refs/heads/main", "write --base main, not refs/heads/main"),
        ("v1", "v1 is a tag"),
        ("0123456789abcdef", "looks like a commit"),
        ("../x", "no branch"),
        ("main\0", "no branch"),
        ("-x", "no branch"),
        ("\ud800", "no branch"),
    ],
)
async def test_only_a_branch_is_a_base(forge: BuiltinForge, project: Project, base: str, words: str) -> None:
    with pytest.raises(BaseNotFound, match=words):
        await forge.open_branch(project.id, "feature/x", base, FILES, FIRST)


async def test_a_branch_known_only_upstream_is_taken_from_there(
    forge: BuiltinForge, project: Project, clone: Any
) -> None:
    branch = await forge.open_branch(project.id, "feature/x", "develop", FILES, FIRST)
    assert branch.base_sha == clone.git("rev-parse", "develop")


async def test_a_base_is_as_new_as_upstream_s(forge: BuiltinForge, project: Project, clone: Any) -> None:
    await forge.open_branch(project.id, "feature/x", "develop", FILES, FIRST)
    clone.git("checkout", "--quiet", "develop")
    sha = clone.commit({"n": "new"})
    clone.git("checkout", "--quiet", "main")
    await forge.adopt(str(clone.path))
    assert (await forge.open_branch(project.id, "feature/y", "develop", FILES, FIRST)).base_sha == sha


async def test_a_branch_of_upstream_is_not_taken_over(forge: BuiltinForge, project: Project) -> None:
    with pytest.raises(BranchExists):
        await forge.open_branch(project.id, "develop", "main", FILES, FIRST)


async def test_a_branch_and_a_folder_of_branches_cannot_share_a_name(
    forge: BuiltinForge, project: Project
) -> None:
    await forge.open_branch(project.id, "feature", "main", FILES, FIRST)
    with pytest.raises(BranchExists, match="in its way"):
        await forge.open_branch(project.id, "feature/x", "main", FILES, FIRST)
    await forge.open_branch(project.id, "fix/one", "main", FILES, FIRST)
    with pytest.raises(BranchExists, match="in its way"):
        await forge.open_branch(project.id, "fix", "main", FILES, FIRST)
    pygit2.Repository(str(await forge.clone_path(project.id))).compress_references()
    with pytest.raises(BranchExists, match="in its way"):
        await forge.open_branch(project.id, "feature/y", "main", FILES, FIRST)


async def test_a_folder_where_the_file_would_go_is_not_overwritten(
    forge: BuiltinForge, project: Project
) -> None:
    with pytest.raises(FileExists):
        await forge.open_branch(project.id, "feature/x", "main", {"docs": b"?"}, FIRST)
    assert await forge.head_of(project.id, "feature/x") is None


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", ".git/config", "a/.GIT/x", ""])
async def test_files_stay_inside_the_repository(forge: BuiltinForge, project: Project, path: str) -> None:
    with pytest.raises(Invalid):
        await forge.open_branch(project.id, "feature/x", "main", {path: b"?"}, FIRST)
    assert await forge.head_of(project.id, "feature/x") is None


async def test_of_many_who_want_one_name_one_gets_it(forge: BuiltinForge, project: Project) -> None:
    async def wants(number: int) -> Branch | BranchExists:
        try:
            return await forge.open_branch(
                project.id, "feature/x", "main", {"TASK.md": str(number).encode()}, FIRST
            )
        except BranchExists as error:
            return error

    found = await asyncio.gather(*(wants(number % 4) for number in range(16)))
    branches = [branch for branch in found if isinstance(branch, Branch)]
    assert len({branch.head_sha for branch in branches}) == 1
    assert len(branches) == 4
    assert branches[0].head_sha == await forge.head_of(project.id, "feature/x")


@pytest.mark.parametrize("change", [lambda late, ref, old, new: move(late, ref, old, new),
                                    lambda late, ref, old, new: delete(late, ref, old)])  # fmt: skip
async def test_a_ref_that_moved_since_it_was_read_is_not_overwritten(
    forge: BuiltinForge, project: Project, change: Any
) -> None:
    ref = "refs/heads/main"
    repository = pygit2.Repository(str(await forge.clone_path(project.id)))
    old = tip(repository, ref) or ""
    read_before = SimpleNamespace(references={ref: repository.references[ref]})
    branches = [
        await forge.open_branch(project.id, name, "main", {name: b"x"}, FIRST) for name in ("one", "two")
    ]
    assert move(repository, ref, old, branches[0].head_sha)
    assert not change(read_before, ref, old, branches[1].head_sha)
    assert tip(repository, ref) == branches[0].head_sha


async def test_one_creator_of_branches_at_a_time_whatever_its_process(
    forge: BuiltinForge, project: Project, folder: Path
) -> None:
    script = (
        "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )
    command = [sys.executable, "-c", script, str(await forge.clone_path(project.id))]
    with Shelf(folder).creating(project.id):
        assert b"BlockingIOError" in subprocess.run(command, capture_output=True, check=False).stderr
    subprocess.run(command, check=True)


async def test_odd_refs_and_paths_read_as_nothing(forge: BuiltinForge, project: Project) -> None:
    for path in ("", "/", "..", "docs/", "a\0b", "app.py/x"):
        assert await forge.read_file(project.id, "main", path) is None
    for ref in ("", "HEAD", "main~1", "-x", "0" * 40, "v1"):
        with pytest.raises(BaseNotFound):
            await forge.read_file(project.id, ref, "app.py")
    assert await forge.head_of(project.id, "../../HEAD") is None
