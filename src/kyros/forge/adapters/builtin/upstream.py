"""What the forge asks of a project's source, wherever it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from kyros.forge.adapters.builtin.refs import SourceRefs


class Upstream(Protocol):
    """A source, found and readable. Nothing but `push` ever writes to it."""

    @property
    def name(self) -> str: ...

    @property
    def spellings(self) -> Sequence[str]:
        """Ways to write it that mean the same; the first is the one to store and show."""
        ...

    async def refs(self) -> SourceRefs:
        """Raises RepositoryEmpty, RepositoryNotFound, UpstreamRefused, GitBusy, GitMissing."""
        ...

    async def copy(self, bare: Path, refs: SourceRefs) -> None:
        """Fill the empty folder `bare` with a repository that has `refs` as upstream's, and no more."""
        ...

    async def fetch(self, bare: Path, refs: SourceRefs) -> None:
        """Bring upstream's refs and their objects up to date."""
        ...

    async def notes(self, base: str) -> Sequence[str]:
        """What a person should know before an agent starts from `base`."""
        ...

    async def push(self, bare: Path, branch: str) -> None:
        """Fast-forward `branch` there. Raises UpstreamRefused with what to run instead."""
        ...
