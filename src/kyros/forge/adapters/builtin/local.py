"""A source on this machine: a clone, a linked worktree or a bare repository. Only ever read.

libgit2 reads it; the git program makes the first copy, because it copies packs as they are.
"""

import asyncio
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pygit2

from kyros.forge.adapters.builtin.refs import (
    HEADS,
    REFSPECS,
    TAGS,
    SourceRefs,
    drop_vanished,
    list_refs,
    write_packed,
)
from kyros.forge.adapters.builtin.source import name_of
from kyros.forge.adapters.builtin.troubles import named, patiently
from kyros.forge.errors import RepositoryEmpty, RepositoryNotFound, UpstreamRefused
from kyros.infra.git import local_env, run_git


@dataclass(frozen=True)
class LocalUpstream:
    """upstream.Upstream over a path. `root` is what a person calls the repository, `folder` the git
    folder its worktrees share, `here` that of the worktree that was named."""

    root: Path
    folder: Path
    here: Path
    timeout_seconds: float

    @property
    def name(self) -> str:
        return name_of(str(self.root))

    @property
    def spellings(self) -> Sequence[str]:
        return (str(self.root),)

    async def refs(self) -> SourceRefs:
        with named(str(self.root)):
            return await asyncio.to_thread(self._refs)

    async def copy(self, bare: Path, refs: SourceRefs) -> None:
        with named(str(self.root)):
            source = await asyncio.to_thread(self._open_whole)
            # git refuses what another user owns; libgit2 has asked the user's own safe.directory
            if source.is_shallow or self.folder.stat().st_uid != os.geteuid():
                await asyncio.to_thread(pygit2.init_repository, str(bare), bare=True)
                await self.fetch(bare, refs)
            else:
                await self._clone(bare)
                await asyncio.to_thread(write_packed, bare, refs)

    async def fetch(self, bare: Path, refs: SourceRefs) -> None:
        with named(str(self.root)):
            await asyncio.to_thread(
                patiently, bare, lambda: drop_vanished(pygit2.Repository(str(bare)), refs)
            )
            if (self.folder / "shallow").exists():
                await self._git(
                    "fetch", "--quiet", "--no-tags", "--update-shallow", operands=REFSPECS, cwd=bare
                )
            else:
                await asyncio.to_thread(patiently, bare, lambda: self._fetch(bare))

    async def notes(self, base: str) -> Sequence[str]:
        with named(str(self.root)):
            return await asyncio.to_thread(self._notes, base)

    async def push(self, bare: Path, branch: str) -> None:
        if not await asyncio.to_thread(lambda: pygit2.Repository(str(self.folder)).is_bare):
            raise UpstreamRefused(await asyncio.to_thread(self._instead, bare, branch))
        with named(str(self.root)):
            await self._git("push", "--quiet", operands=(f"{HEADS}{branch}:{HEADS}{branch}",), cwd=bare)

    def _refs(self) -> SourceRefs:
        repository = pygit2.Repository(str(self.here))
        branches, tags = _whole_refs(repository, HEADS), _whole_refs(repository, TAGS)
        if not branches and list_refs(repository, HEADS):
            raise UpstreamRefused(f"{self.root} lacks its commits: run `git fsck` there and mend it first.")
        if not branches:
            raise RepositoryEmpty(f"{self.root} has no commit yet: commit something first.")
        if repository.head_is_detached:
            return SourceRefs(None, branches, tags)
        head = str(repository.references["HEAD"].target).removeprefix(HEADS)
        if head in branches:
            return SourceRefs(head, branches, tags)
        if repository.is_bare:
            return SourceRefs(None, branches, tags)
        raise RepositoryEmpty(
            f"{self.root} is on the branch {head}, which has no commit yet: commit something to it, "
            f"or switch to one that has ({', '.join(sorted(branches)[:5])})."
        )

    def _open_whole(self) -> pygit2.Repository:
        repository = pygit2.Repository(str(self.folder))
        if any(entry.name.endswith(".promisor") for entry in repository.config):
            raise UpstreamRefused(
                f"{self.root} is a partial clone that lacks some of its objects: "
                "run `git fetch --refetch --no-filter` in it, or give the address it came from."
            )
        return repository

    async def _clone(self, bare: Path) -> None:
        # Dissociating packs everything anew: only a clone that borrows from another is worth that.
        borrows = (self.folder / "objects/info/alternates").exists()
        options = (
            "--quiet",
            "--bare",
            "--no-hardlinks",
            "--template=",
            *(["--dissociate"] if borrows else []),
        )
        await run_git(
            "clone", *options, operands=(str(self.folder), str(bare)), env=local_env(),
            timeout_seconds=self.timeout_seconds,
        )  # fmt: skip

    def _fetch(self, bare: Path) -> None:
        remote = pygit2.Repository(str(bare)).remotes.create_anonymous(str(self.folder))
        remote.fetch(list(REFSPECS))

    async def _git(self, command: str, *options: str, operands: Sequence[str], cwd: Path) -> None:
        await run_git(
            command, *options, operands=(str(self.folder), *operands), env=local_env(),
            timeout_seconds=self.timeout_seconds, cwd=cwd,
        )  # fmt: skip

    def _notes(self, base: str) -> Sequence[str]:
        repository = pygit2.Repository(str(self.here))
        notes = []
        start = f"the agent starts from the last commit on {base}" if base else "the agent will not see them"
        if repository.head_is_detached and base:
            notes.append(f"{self.root} is on no branch (detached HEAD): the agent starts from {base}.")
        if not repository.is_bare and repository.status(untracked_files="normal"):
            notes.append(f"{self.root} has uncommitted changes: {start}; commit them first if it needs them.")
        return notes

    def _instead(self, bare: Path, branch: str) -> str:
        repository = pygit2.Repository(str(self.folder))
        checked_out = repository.references["HEAD"].target == f"{HEADS}{branch}"
        where, name = shlex.quote(str(bare)), shlex.quote(branch)
        command = f"git pull --ff-only {where} {name}" if checked_out else f"git fetch {where} {name}:{name}"
        return f"{self.root} is a working clone, which Kyros never writes to: run `{command}` in it."


def find_local(path: Path, timeout_seconds: float) -> LocalUpstream:
    """The repository that `path` is in. Raises RepositoryNotFound, UpstreamRefused."""
    if not path.is_dir():
        raise RepositoryNotFound(f"There is no folder {path}: check the path.")
    with named(str(path)):
        found = pygit2.discover_repository(str(path))
        if found is None:
            raise RepositoryNotFound(
                f"{path} is not in a git repository: run `git init` and commit there, or give another path."
            )
        here = Path(found)
        folder = _shared_folder(here)
        repository = pygit2.Repository(str(folder))
    root = Path(repository.workdir or repository.path).resolve()
    return LocalUpstream(root, folder.resolve(), here, timeout_seconds)


def _whole_refs(repository: pygit2.Repository, prefix: str) -> dict[str, str]:
    """Like git, pass over refs whose objects are missing."""
    return {name: sha for name, sha in list_refs(repository, prefix).items() if sha in repository}


def _shared_folder(here: Path) -> Path:
    """A linked worktree's git folder names the one it shares with the others."""
    pointer = here / "commondir"
    return here / pointer.read_text().strip() if pointer.is_file() else here
