"""Folders for executions: an empty one for each session, and those below one place that a caller may name."""

import asyncio
from pathlib import Path

from kyros.fleet.errors import FolderRefused
from kyros.infra.files import remove_tree


class HomeFolders:
    """ports.Folders: `<agents>/<session>/work`, and folders below `shared`. A clone of a user's lies
    elsewhere and is never worked in."""

    def __init__(self, agents: Path, shared: Path) -> None:
        self._agents = agents
        self._shared = shared

    async def make(self, session_id: str) -> Path:
        folder = self._agents / session_id / "work"
        await asyncio.to_thread(folder.mkdir, parents=True, mode=0o700)
        return folder

    async def remove(self, session_id: str) -> None:
        """The agent's home with it."""
        await asyncio.to_thread(remove_tree, self._agents / session_id)

    async def permitted(self, name: str) -> Path:
        found = await asyncio.to_thread(self._find, name)
        if found is None:
            raise FolderRefused(
                f"An agent may not work in {name!r}: name an existing folder below {self._shared}, or leave "
                "`cwd` out for an empty one.",
                cwd=name,
            )
        return found

    def _find(self, name: str) -> Path | None:
        try:
            path = Path(name)
            real = path.resolve(strict=True)
        except (OSError, RuntimeError, ValueError):  # not there, a circle of links, a zero byte
            return None
        if not path.is_absolute() or not real.is_dir():
            return None
        return real if _is_below(real, self._shared.resolve()) else None


def _is_below(real: Path, place: Path) -> bool:
    """Inside of it, and in none of the git directories that lie there."""
    if real == place or not real.is_relative_to(place):
        return False
    return not any(part.endswith(".git") for part in real.relative_to(place).parts)
