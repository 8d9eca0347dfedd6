"""Branches of a bare repository: bases brought up to date, new ones opened with one commit."""

import re
import shlex
from collections.abc import Mapping, Sequence

import pygit2

from kyros.forge.adapters.builtin.refs import HEADS, TAGS, UPSTREAM, is_valid, list_refs, move, tip
from kyros.forge.adapters.builtin.shelf import Shelf
from kyros.forge.adapters.builtin.trees import add_files, find_entry
from kyros.forge.errors import BaseNotFound, BranchExists, BranchNameInvalid, FileExists, GitBusy
from kyros.forge.model import Branch, Commit, Project

_SHOWN = 10
_TRIES = 10
_PART_BYTES = 250
_IN_THE_WAY = re.compile(r"collides with existing|refs beneath|not (a )?directory", re.IGNORECASE)


def settle(shelf: Shelf, project: Project, name: str) -> str | None:
    """Make the forge's branch `name` as new as upstream's, if it can go there without losing anything.

    Returns a note when the two went separate ways: the forge keeps its own.
    """
    repository = shelf.open(project.id)
    for _ in range(_TRIES):
        ours, theirs = tip(repository, HEADS + name), tip(repository, UPSTREAM + name)
        if theirs is None or ours == theirs:
            return None
        if ours is None:
            with shelf.creating(project.id):
                if tip(repository, HEADS + name) is None:
                    repository.create_reference_direct(HEADS + name, theirs, False)
            continue
        ahead, behind = repository.ahead_behind(ours, theirs)
        if not behind:
            return None
        if ahead:
            return _parted_note(shelf, project, name, ahead, behind)
        if move(repository, HEADS + name, ours, theirs):
            return None
    raise GitBusy(f"The branch {name} of {project.name} keeps moving: try again in a moment.")


def find_base(shelf: Shelf, project: Project, name: str) -> str:
    """The sha of branch `name`, taken from upstream if that is newer. Raises BaseNotFound."""
    repository = shelf.open(project.id)
    settle(shelf, project, name)
    sha = tip(repository, HEADS + name) if name else None
    if sha is None:
        raise BaseNotFound(_no_base(repository, project, name), base=name)
    return sha


def open_branch(
    shelf: Shelf, project: Project, name: str, base: str, files: Mapping[str, bytes], commit: Commit
) -> Branch:
    """What ports.Forge.open_branch promises, but for the event."""
    _check_name(name)
    repository = shelf.open(project.id)
    there = tip(repository, HEADS + name)
    if there is None:
        base_sha = find_base(shelf, project, base)
        _check_free(repository, project, name, base, base_sha, files)
        first = _first_commit(repository, base_sha, files, commit)
        there = _create(shelf, project, repository, name, first)
    parents = repository[there].peel(pygit2.Commit).parent_ids
    if len(parents) != 1 or there != _first_commit(repository, str(parents[0]), files, commit):
        raise _taken(project, name)
    return Branch(name, there, base, str(parents[0]))


def write_commit(
    repository: pygit2.Repository, tree: pygit2.Oid, parents: Sequence[str], commit: Commit
) -> str:
    """A commit on no branch; the same values make the same sha."""
    who = pygit2.Signature(commit.author_name, commit.author_email, commit.when, 0, "utf-8")
    above = [pygit2.Oid(hex=sha) for sha in parents]
    return str(repository.create_commit(None, who, who, commit.message, tree, above))


def _parted_note(shelf: Shelf, project: Project, name: str, ahead: int, behind: int) -> str:
    where = shlex.quote(str(shelf.path(project.id)))
    return (
        f"{name} has parted from {project.source} ({_commits(ahead)} here, {_commits(behind)} there): "
        f"the forge keeps its own; to join them, run `git pull {where} {shlex.quote(name)}` in a clone of it."
    )


def _commits(number: int) -> str:
    return f"{number} commit" if number == 1 else f"{number} commits"


def _first_commit(
    repository: pygit2.Repository, base_sha: str, files: Mapping[str, bytes], commit: Commit
) -> str:
    tree = add_files(repository, repository[base_sha].peel(pygit2.Tree), files)
    return write_commit(repository, tree, [base_sha], commit)


def _create(shelf: Shelf, project: Project, repository: pygit2.Repository, name: str, sha: str) -> str:
    """The sha the branch is at afterwards: another process may have been quicker."""
    with shelf.creating(project.id):
        there = tip(repository, HEADS + name)
        if there is not None:
            return there
        try:
            repository.create_reference_direct(HEADS + name, sha, False)
        except (pygit2.GitError, OSError) as error:
            if _IN_THE_WAY.search(str(error)):
                raise _taken(project, name) from error
            raise
    return sha


def _check_name(name: str) -> None:
    too_long = any(len(part.encode(errors="replace")) > _PART_BYTES for part in name.split("/"))
    if not is_valid(HEADS + name) or name.startswith("-") or name in ("HEAD", "@") or too_long:
        raise BranchNameInvalid(
            f"Git takes no branch named {name[:80]!r}: use letters, digits, dashes and single slashes.",
            branch=name,
        )


def _check_free(
    repository: pygit2.Repository,
    project: Project,
    name: str,
    base: str,
    base_sha: str,
    files: Mapping[str, bytes],
) -> None:
    if tip(repository, UPSTREAM + name) is not None:
        raise _taken(project, name)
    tree = repository[base_sha].peel(pygit2.Tree)
    for path in files:
        if find_entry(tree, path) is not None:
            raise FileExists(
                f"{base} of {project.name} already has {path}: move it away there, or choose another base.",
                path=path,
            )


def _taken(project: Project, name: str) -> BranchExists:
    return BranchExists(
        f"{project.name} already has a branch {name}, or one in its way: choose another name.", branch=name
    )


def _no_base(repository: pygit2.Repository, project: Project, name: str) -> str:
    known = sorted({*list_refs(repository, HEADS), *list_refs(repository, UPSTREAM)})
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    choice = f"name one with --base ({', '.join(known[:_SHOWN])}{more})"
    if not name:
        return f"None of the branches of {project.name} is clearly its main one: {choice}."
    short = re.sub(r"^(refs/heads/|(refs/remotes/)?[^/]+/)", "", name)
    if short != name and short in known:
        return f"A base is a branch of {project.name} by its own name: write --base {short}, not {name}."
    if tip(repository, TAGS + name) is not None:
        return f"{name} is a tag of {project.name} and a base is a branch: {choice}."
    if re.fullmatch(r"[0-9a-f]{7,40}", name):
        return f"{name} looks like a commit and a base is a branch: {choice}."
    return f"{project.name} has no branch {name[:80]!r}: {choice}."
