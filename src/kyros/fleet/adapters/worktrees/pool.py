"""ports.Worktrees over slots and checkouts: nothing of an earlier run survives, nothing of it is lost."""

import asyncio
import errno
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TypeVar

import pygit2

from kyros.fleet.adapters.worktrees.checkout import (
    changes_since,
    lay_out,
    open_slot,
    push_commit,
    write_commit,
)
from kyros.fleet.adapters.worktrees.kept import keep_files
from kyros.fleet.adapters.worktrees.lent_git import equip
from kyros.fleet.adapters.worktrees.slots import Bounds, Slot, Slots
from kyros.fleet.errors import WorktreeBusy, WorktreeNotFound
from kyros.fleet.model import Change, sort_changes
from kyros.infra.files import nearly_full, remove_tree
from kyros.infra.git import Failure, classify, local_env, run_git
from kyros.kernel.errors import DiskFull
from kyros.kernel.ids import NewId

T = TypeVar("T")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_RUINED = (pygit2.GitError, KeyError, ValueError, NotADirectoryError, IsADirectoryError, FileExistsError)

_SPARE = "spare"
"""The branch of folders that no run has."""

Keep = Callable[[Slot, pygit2.Repository], None]
Claim = Callable[[], tuple[Slot, bool]]
"""Finds a slot, and whether work may lie in it."""


class PooledWorktrees:
    """`bare_of(project_id)` tells where the project's bare repository lies."""

    def __init__(
        self, root: Path, bare_of: Callable[[str], Path], new_id: NewId, bounds: Bounds | None = None
    ) -> None:
        self._slots = Slots(root, new_id, bounds or Bounds())
        self._root = root
        self._bare_of = bare_of

    async def lend(
        self, run_id: str, project_id: str, bare: Path, branch: str, sha: str, profile: str = ""
    ) -> Path:
        return await self._settled(lambda: self._slots.take(project_id, run_id, profile), bare, branch, sha)

    async def reserve(self, session_id: str, project_id: str, bare: Path, sha: str, profile: str) -> Path:
        def claim() -> tuple[Slot, bool]:
            return self._slots.reserve(project_id, session_id), False

        folder = await self._settled(claim, bare, _SPARE, sha)
        await self._in_thread(lambda: self._offer(session_id, profile))
        return folder

    def _offer(self, session_id: str, profile: str) -> None:
        """It is laid out: a run may take it with the session that will stand there."""
        slot = self._slots.of_session(session_id)
        if slot is None or self._slots.change(slot, profile=profile) is None:
            raise WorktreeBusy(f"The worktree kept for {session_id} was taken from it.")

    async def unreserve(self, session_id: str) -> bool:
        def work() -> bool:
            slot = self._slots.leave(session_id)
            if slot is not None:
                self._make_free(slot, _nothing_to_keep)
            return slot is not None

        return await self._in_thread(work)

    async def reserved(self) -> Sequence[str]:
        return [slot.reserved for slot in await asyncio.to_thread(self._slots.all) if slot.reserved]

    async def doubt(self, folder: Path) -> None:
        await self._in_thread(lambda: self._slots.doubt(folder))

    async def path_of(self, run_id: str) -> Path | None:
        slot = await asyncio.to_thread(self._slots.of_run, run_id)
        return slot.folder if slot else None

    async def changes(self, run_id: str, since: str) -> Sequence[Change]:
        return await self._in_thread(lambda: changes_since(self._open(run_id)[1], since))

    async def commit(
        self, run_id: str, parent: str, paths: Sequence[str], message: str, author: tuple[str, str], when: int
    ) -> str:
        return await self._in_thread(
            lambda: write_commit(self._open(run_id)[1], parent, paths, message, author, when)
        )

    async def push(self, run_id: str, branch: str, sha: str, expected: str) -> None:
        def work() -> None:
            slot, repository = self._open(run_id)
            push_commit(repository, self._bare_of(slot.project_id), f"refs/heads/{branch}", sha, expected)
            self._slots.change(slot, tip=sha)

        await self._in_thread(work)

    async def give_back(self, run_id: str) -> bool:
        return await self._in_thread(lambda: self._give_back(run_id))

    async def lent(self) -> Sequence[str]:
        return [slot.run_id for slot in await asyncio.to_thread(self._slots.all) if slot.run_id]

    async def unknown(self) -> Sequence[Path]:
        return await asyncio.to_thread(self._slots.unknown)

    async def is_there(self, folder: Path) -> bool:
        return await asyncio.to_thread(folder.is_dir)

    def locate(self, root: Path, subject: str) -> PurePath | None:
        try:
            real = (root / Path(subject).expanduser()).resolve()
        except (OSError, RuntimeError, ValueError):  # no such home, a circle of links, a zero byte
            return None
        return real.relative_to(root.resolve()) if real.is_relative_to(root.resolve()) else None

    async def _settled(self, claim: Claim, bare: Path, branch: str, sha: str) -> Path:
        """The folder of the slot that `claim` finds, laid out: warm where that is safe, else anew."""
        slot = await self._in_thread(lambda: self._take(claim, bare, branch, sha))
        if slot.tip is None:
            await self._fill(slot, bare, branch, sha)
        return slot.folder

    def _take(self, claim: Claim, bare: Path, branch: str, sha: str) -> Slot:
        """A warm slot laid out at `sha`, or an empty one (its tip is None)."""
        slot, may_hold_work = claim()
        if slot.folder.exists():
            keep = self._keep if may_hold_work else _nothing_to_keep
            if self._reuse(slot, bare, branch, sha, keep, is_untouched=not may_hold_work):
                return slot
            self._put_away(slot)
            slot, _ = claim()
        return replace(slot, laid_out=None, tip=None)

    async def _fill(self, slot: Slot, bare: Path, branch: str, sha: str) -> None:
        """The first checkout of a slot: git's own is quicker there, with a writer for each core."""

        def prepare() -> None:
            slot.folder.mkdir(parents=True, exist_ok=True)
            open_slot(slot, bare).set_head(pygit2.Oid(hex=sha))

        def settle() -> None:
            if not self._lay_out(slot, open_slot(slot, bare), bare, branch, sha):
                raise WorktreeBusy(f"The fresh worktree {slot.folder} is not clean: who else writes there?")

        await self._in_thread(prepare)
        env = local_env() | {"GIT_DIR": str(slot.git_folder), "GIT_WORK_TREE": str(slot.folder)}
        await run_git("reset", "--quiet", "--hard", cwd=slot.folder, env=env, timeout_seconds=600)
        await self._in_thread(settle)

    def _reuse(
        self, slot: Slot, bare: Path, branch: str, sha: str, keep: Keep, is_untouched: bool = False
    ) -> bool:
        """Whether the used folder could be made as good as new; its work is safe either way."""
        if slot.laid_out is None:  # cut off while it was laid out for the first time
            return False
        try:
            repository = open_slot(slot, bare)
            keep(slot, repository)
            if slot.is_doubtful:
                remove_tree(slot.folder)
                return False
            remove_tree(slot.folder / ".git")
            return self._lay_out(slot, repository, bare, branch, sha, is_untouched)
        except _RUINED as error:
            if _is_full(error):  # nothing is wrong with the folder
                raise
            return False

    def _lay_out(
        self, slot: Slot, repository: pygit2.Repository, bare: Path, branch: str, sha: str,
        is_untouched: bool = False,
    ) -> bool:  # fmt: skip
        clean = lay_out(slot, repository, sha, is_untouched)
        if self._slots.change(slot, laid_out=sha, tip=sha) is None:
            raise WorktreeBusy(f"The worktree {slot.folder} was given to somebody else.")
        if clean:
            equip(slot.folder, bare, branch, sha, slot.git_folder / "index")
        return clean

    def _give_back(self, run_id: str) -> bool:
        slot = self._slots.of_run(run_id)
        if slot is None:
            return False
        self._make_free(slot, self._keep)
        return True

    def _make_free(self, slot: Slot, keep: Keep) -> None:
        bare = self._bare_of(slot.project_id)
        if slot.tip is not None and self._reuse(slot, bare, _SPARE, slot.tip, keep):
            self._slots.free(slot)
        else:
            self._put_away(slot)

    def _put_away(self, slot: Slot) -> None:
        """A folder that will not be clean holds what we do not understand (a repository within, say):
        set aside whole for a person, unless nobody ever worked in it."""
        if slot.laid_out is not None and slot.run_id is not None and slot.folder.exists():
            self._slots.set_aside(slot)
        self._slots.delete(slot)

    def _keep(self, slot: Slot, repository: pygit2.Repository) -> None:
        """Copy what a run left uncommitted to kept/<run>/<number>. Never into git: secrets may be in it."""
        if slot.tip is None or slot.run_id is None:
            return
        left = sort_changes(changes_since(repository, slot.tip))
        if paths := [*left.committed, *left.secrets, *left.large]:
            keep_files(slot.folder, paths, self._root / "kept" / slot.run_id)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Whoever is cancelled waits for the work in hand: two must never be at one folder."""
        working = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            await asyncio.gather(working, return_exceptions=True)
            raise
        except (OSError, pygit2.GitError) as error:
            if _is_full(error) or nearly_full(self._root):  # libgit2 often does not say so
                raise DiskFull("The disk is full: free some space; nothing acknowledged was lost.") from error
            raise WorktreeBusy(f"The worktree could not be used: {error}.") from error

    def _open(self, run_id: str) -> tuple[Slot, pygit2.Repository]:
        slot = self._slots.of_run(run_id)
        if slot is None or not slot.folder.exists():
            raise WorktreeNotFound(f"The run {run_id} has no worktree (any more).")
        return slot, open_slot(slot, self._bare_of(slot.project_id))


def _nothing_to_keep(slot: Slot, repository: pygit2.Repository) -> None:
    """It was cleaned when it was given back."""


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    return isinstance(error, pygit2.GitError) and classify(str(error)) is Failure.DISK_FULL
