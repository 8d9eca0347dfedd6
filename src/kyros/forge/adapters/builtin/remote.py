"""A source behind an address: reached by the git program, with the user's own keys and helpers."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pygit2

from kyros.forge.adapters.builtin.refs import HEADS, REFSPECS, TAGS, SourceRefs
from kyros.forge.adapters.builtin.source import Address
from kyros.forge.adapters.builtin.troubles import named
from kyros.forge.errors import RepositoryEmpty
from kyros.infra.git import remote_env, run_git

_ASK_SECONDS = 60.0


class RemoteUpstream:
    """upstream.Upstream over https, ssh, git and the like. `timeout_seconds` bounds a transfer."""

    def __init__(self, address: Address, timeout_seconds: float) -> None:
        self._address = address
        self._timeout_seconds = timeout_seconds

    @property
    def name(self) -> str:
        return self._address.name

    @property
    def spellings(self) -> Sequence[str]:
        return self._address.spellings

    async def refs(self) -> SourceRefs:
        wanted = ("HEAD", f"{HEADS}*", f"{TAGS}*")
        listed = await self._git("ls-remote", "--symref", operands=wanted, timeout_seconds=_ASK_SECONDS)
        refs = _parse(listed)
        if not refs.branches:
            raise RepositoryEmpty(f"{self._address.url} has no commit yet: push one first.")
        return refs

    async def copy(self, bare: Path, refs: SourceRefs) -> None:
        await asyncio.to_thread(pygit2.init_repository, str(bare), bare=True)
        await self.fetch(bare, refs)
        await asyncio.to_thread(lambda: pygit2.Repository(str(bare)).compress_references())

    async def fetch(self, bare: Path, refs: SourceRefs) -> None:
        options = ("--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
        await self._git("fetch", *options, operands=REFSPECS, timeout_seconds=self._timeout_seconds, cwd=bare)

    async def notes(self, base: str) -> Sequence[str]:
        return ()

    async def push(self, bare: Path, branch: str) -> None:
        spec = f"{HEADS}{branch}:{HEADS}{branch}"
        await self._git("push", "--quiet", operands=(spec,), timeout_seconds=self._timeout_seconds, cwd=bare)

    async def _git(
        self,
        command: str,
        *options: str,
        operands: Sequence[str],
        timeout_seconds: float,
        cwd: Path | None = None,
    ) -> str:
        with named(self._address.url):
            return await run_git(
                command,
                *options,
                operands=(self._address.url, *operands),
                env=await remote_env(self._address.credentials),
                timeout_seconds=timeout_seconds,
                cwd=cwd,
            )


def _parse(listed: str) -> SourceRefs:
    """`ls-remote --symref`: `ref: refs/heads/main\\tHEAD` and `SHA\\tREF` lines; peeled tags left out."""
    head = None
    branches: dict[str, str] = {}
    tags: dict[str, str] = {}
    for line in listed.splitlines():
        value, _, ref = line.partition("\t")
        if ref == "HEAD" and value.startswith(f"ref: {HEADS}"):
            head = value.removeprefix(f"ref: {HEADS}")
        elif ref.startswith(HEADS):
            branches[ref.removeprefix(HEADS)] = value
        elif ref.startswith(TAGS) and not ref.endswith("^{}"):
            tags[ref.removeprefix(TAGS)] = value
    return SourceRefs(head, branches, tags)
