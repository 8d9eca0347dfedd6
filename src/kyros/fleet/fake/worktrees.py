"""Worktrees as dicts of files, and the branches behind them."""

import hashlib
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Protocol

from kyros.fleet.errors import PushRefused, WorktreeNotFound
from kyros.fleet.model import (
    Change,
)

Files = Mapping[str, bytes]


ROOT = Path("/fake/worktrees")


class Branches(Protocol):
    """A bare repository as FakeWorktrees sees it."""

    def files(self, project_id: str, sha: str) -> Files: ...

    def head(self, project_id: str, branch: str) -> str | None: ...

    def record(self, files: Files, parent: str | None, words: str) -> str:
        """A commit on no branch; the same values make the same sha."""
        ...

    def move(self, project_id: str, branch: str, sha: str) -> None: ...


class FakeBranches:
    """Commits as snapshots of files, and where each branch is."""

    def __init__(self) -> None:
        self._snapshots: dict[str, Files] = {}
        self._heads: dict[tuple[str, str], str] = {}

    def files(self, project_id: str, sha: str) -> Files:
        return self._snapshots[sha]

    def head(self, project_id: str, branch: str) -> str | None:
        return self._heads.get((project_id, branch))

    def record(self, files: Files, parent: str | None, words: str) -> str:
        text = repr((sorted(files.items()), parent, words))
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self._snapshots[sha] = dict(files)
        return sha

    def move(self, project_id: str, branch: str, sha: str) -> None:
        self._heads[project_id, branch] = sha


@dataclass(frozen=True)
class _Lent:
    """`tip` is what the branch has of it: whatever differs is saved nowhere else."""

    project_id: str
    files: dict[str, bytes]
    tip: str


class FakeWorktrees:
    """ports.Worktrees as one dict of files a run. `write` and `delete` stand for the agent; what was
    left uncommitted is found in `kept`, by run."""

    def __init__(self, branches: Branches) -> None:
        self._branches = branches
        self._lent: dict[str, _Lent] = {}
        self._places: dict[str, Path] = {}
        self._reserved: dict[str, tuple[str, str, Path]] = {}
        self.doubted: list[Path] = []
        self.strange: list[Path] = []
        self.missing: list[Path] = []
        self.kept: dict[str, list[Files]] = {}
        self._free: list[tuple[str, Path]] = []
        self._made = 0

    def write(self, run_id: str, path: str, content: bytes) -> None:
        self._of(run_id).files[path] = content

    def delete(self, run_id: str, path: str) -> None:
        del self._of(run_id).files[path]

    def files(self, run_id: str) -> Files:
        return dict(self._of(run_id).files)

    async def lend(
        self, run_id: str, project_id: str, bare: Path, branch: str, sha: str, profile: str = ""
    ) -> Path:
        files = dict(self._branches.files(project_id, sha))
        if run_id in self._lent:
            self._keep(run_id)
        self._lent[run_id] = _Lent(project_id, files, sha)
        if run_id not in self._places or self._places[run_id] in self.doubted:
            self._places[run_id] = self._warm(project_id, profile) or self._any(project_id)
        return self._places[run_id]

    async def path_of(self, run_id: str) -> Path | None:
        return self._places[run_id] if run_id in self._lent else None

    async def reserve(self, session_id: str, project_id: str, bare: Path, sha: str, profile: str) -> Path:
        folder = self._any(project_id)
        self._reserved[session_id] = (project_id, profile, folder)
        return folder

    async def unreserve(self, session_id: str) -> bool:
        known = self._reserved.pop(session_id, None)
        if known is not None:
            self._put_back(known[0], known[2])
        return known is not None

    async def reserved(self) -> Sequence[str]:
        return list(self._reserved)

    async def unknown(self) -> Sequence[Path]:
        return self.strange

    async def is_there(self, folder: Path) -> bool:
        return folder not in self.missing

    async def doubt(self, folder: Path) -> None:
        self.doubted.append(folder)

    def _warm(self, project_id: str, profile: str) -> Path | None:
        for session_id, (project, kind, folder) in self._reserved.items():
            if (project, kind) == (project_id, profile) and profile and folder not in self.doubted:
                del self._reserved[session_id]
                return folder
        return None

    def _any(self, project_id: str) -> Path:
        """A freed one, else a new one."""
        found = next((one for one in self._free if one[0] == project_id), None)
        if found is not None:
            self._free.remove(found)
            return found[1]
        self._made += 1
        return ROOT / project_id / f"slot_{self._made}"

    def _put_back(self, project_id: str, folder: Path) -> None:
        if folder not in self.doubted:
            self._free.append((project_id, folder))

    async def changes(self, run_id: str, since: str) -> Sequence[Change]:
        lent = self._of(run_id)
        return _differences(self._branches.files(lent.project_id, since), lent.files)

    async def commit(
        self, run_id: str, parent: str, paths: Sequence[str], message: str, author: tuple[str, str], when: int
    ) -> str:
        lent = self._of(run_id)
        below = self._branches.files(lent.project_id, parent)
        files = {path: content for path, content in below.items() if path not in paths}
        files |= {path: lent.files[path] for path in paths if path in lent.files}
        if files == dict(below):
            return parent
        return self._branches.record(files, parent, repr((message, author, when)))

    async def push(self, run_id: str, branch: str, sha: str, expected: str) -> None:
        lent = self._of(run_id)
        now = self._branches.head(lent.project_id, branch)
        if now not in (sha, expected):
            raise PushRefused(
                f"The branch {branch} moved to {str(now)[:10]} meanwhile; nothing was overwritten.",
                expected=expected,
                found=now,
            )
        self._branches.move(lent.project_id, branch, sha)
        self._lent[run_id] = replace(lent, tip=sha)

    async def give_back(self, run_id: str) -> bool:
        if run_id not in self._lent:
            return False
        self._keep(run_id)
        self._put_back(self._lent.pop(run_id).project_id, self._places.pop(run_id))
        return True

    async def lent(self) -> Sequence[str]:
        return list(self._lent)

    def locate(self, root: Path, subject: str) -> PurePath | None:
        if "\0" in subject or subject.startswith("~"):
            return None
        real = PurePath(posixpath.normpath(root / subject))
        return real.relative_to(root) if real.is_relative_to(root) else None

    def _of(self, run_id: str) -> _Lent:
        if run_id not in self._lent:
            raise WorktreeNotFound(f"The run {run_id} has no worktree (any more).")
        return self._lent[run_id]

    def _keep(self, run_id: str) -> None:
        lent = self._lent[run_id]
        before = self._branches.files(lent.project_id, lent.tip)
        if _differences(before, lent.files):
            changed = {path: content for path, content in lent.files.items() if before.get(path) != content}
            self.kept.setdefault(run_id, []).append(changed)


def _differences(old: Files, new: Files) -> list[Change]:
    paths = sorted({*old, *new})
    return [Change(path, path not in old) for path in paths if old.get(path) != new.get(path)]
