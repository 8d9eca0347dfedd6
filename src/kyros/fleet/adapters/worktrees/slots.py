"""Who has which worktree: one folder and one record beside it for each slot. Knows no git.

    worktrees/<project>/<slot>/        the agent's folder, with a `.git` of its own
    worktrees/<project>/<slot>.git/    our git directory for it, out of the agent's way
    worktrees/<project>/<slot>.json    the record: whose it is, which commit it holds
    worktrees/kept/<run>/              what a run left uncommitted
    worktrees/set-aside/               folders that would not be clean, whole

The records are the truth: no row in the database can drift from the disk. A record is only ever changed under
the project's lock, from what it says by then: other threads and other workers change it too.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kyros.infra.files import remove_tree, replace_file
from kyros.kernel.ids import NewId


@dataclass(frozen=True)
class Bounds:
    """How much a project keeps of free worktrees: so many, and so many bytes of files together."""

    spare: int = 4
    size_bytes: int = 2_000_000_000


@dataclass(frozen=True)
class Slot:
    """Free while neither a run has it nor a session stands in it (`reserved` is its id). `profile` is the
    session's kind while a run may take the folder from it: neither before it is laid out, nor once it leaves.
    `laid_out` is the commit of the index, `tip` what was pushed since (or the same): whatever differs from
    `tip` is saved nowhere else. `is_doubtful`: never to be used again. `size_bytes` is known of free ones."""

    project_id: str
    folder: Path
    run_id: str | None = None
    laid_out: str | None = None
    tip: str | None = None
    reserved: str | None = None
    profile: str = ""
    is_doubtful: bool = False
    size_bytes: int = 0

    @property
    def is_free(self) -> bool:
        return self.run_id is None and self.reserved is None

    @property
    def record(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.json")

    @property
    def git_folder(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.git")


class Slots:
    def __init__(self, root: Path, new_id: NewId, bounds: Bounds) -> None:
        self._root = root
        self._new_id = new_id
        self._bounds = bounds

    def all(self) -> list[Slot]:
        found = (_read(record) for record in sorted(self._root.glob("*/slot_*.json")))
        return [slot for slot in found if slot is not None]

    def of_run(self, run_id: str) -> Slot | None:
        return next((slot for slot in self.all() if slot.run_id == run_id), None)

    def of_session(self, session_id: str) -> Slot | None:
        return next((slot for slot in self.all() if slot.reserved == session_id), None)

    def at(self, folder: Path) -> Slot | None:
        return next((slot for slot in self.all() if slot.folder == folder), None)

    def unknown(self) -> list[Path]:
        """Folders where slots lie that have no record."""
        found = sorted(self._root.glob("*/slot_*"))
        slots = (one for one in found if one.is_dir() and one.suffix != ".git")
        return [one for one in slots if not one.with_name(f"{one.name}.json").exists()]

    def take(self, project_id: str, run_id: str, profile: str) -> tuple[Slot, bool]:
        """The run's own slot, else one where a session of the profile stands, else a free one, else a new
        one (its folder does not exist yet); and whether it was the run's already: work may lie in it."""
        with self._locked(project_id):
            mine = self._of_project(project_id)
            if own := next((slot for slot in mine if slot.run_id == run_id), None):
                return own, True
            warm = (one for one in mine if profile and one.profile == profile and not one.is_doubtful)
            chosen = next(warm, None) or self._free_or_fresh(mine, project_id)
            return self.write(replace(chosen, run_id=run_id, reserved=None, profile="")), False

    def reserve(self, project_id: str, session_id: str) -> Slot:
        """A free slot, or a new one, for a session to stand in; no run takes it before it is offered."""
        with self._locked(project_id):
            chosen = self._free_or_fresh(self._of_project(project_id), project_id)
            return self.write(replace(chosen, reserved=session_id, profile=""))

    def leave(self, session_id: str) -> Slot | None:
        """The slot kept for this session: from now on no run takes it. None: it was lent meanwhile, or never
        kept."""
        slot = self.of_session(session_id)
        return None if slot is None else self.change(slot, profile="")

    def change(self, slot: Slot, **values: Any) -> Slot | None:
        """The slot as it is by now, with these values. None: it is not whose it was."""
        with self._locked(slot.project_id):
            now = _read(slot.record)
            if now is None or not _same(now, slot):
                return None
            changed = replace(now, **values)
            return now if changed == now else self.write(changed)

    def doubt(self, folder: Path) -> None:
        """Whose it is by now plays no part."""
        slot = self.at(folder)
        if slot is None:
            return
        with self._locked(slot.project_id):
            if (now := _read(slot.record)) is not None:
                self.write(replace(now, is_doubtful=True))

    def free(self, slot: Slot) -> None:
        """Give it to whoever comes next; what is more than a project keeps is deleted, the one that has been
        free for longest first."""
        size = _size_of(slot.folder)
        with self._locked(slot.project_id):
            now = _read(slot.record)
            if now is None or not _same(now, slot):
                return
            freed = self.write(replace(now, run_id=None, reserved=None, profile="", size_bytes=size))
            if freed.is_doubtful:
                self._remove(freed)
            spare = [one for one in self._of_project(slot.project_id) if one.is_free]
            spare.sort(key=lambda one: one.record.stat().st_mtime_ns)
            while self._are_too_many(spare):
                self._remove(spare.pop(0))

    def delete(self, slot: Slot) -> None:
        """Delete a slot of ours: it has its record, and its folder lies where slots lie."""
        if not slot.record.exists() or slot.folder.parent.parent != self._root:
            raise ValueError(f"{slot.folder} is not a worktree of this installation")
        going = self.change(slot, is_doubtful=True)  # so that nobody takes it meanwhile
        if going is not None:
            self._remove(going)

    def _remove(self, slot: Slot) -> None:
        remove_tree(slot.folder)
        remove_tree(slot.git_folder)
        slot.record.unlink(missing_ok=True)

    def set_aside(self, slot: Slot) -> Path:
        """Move a folder we cannot read out of the way, whole, for a person to look at."""
        aside = self._root / "set-aside" / f"{slot.run_id or slot.reserved}-{slot.folder.name}"
        aside.parent.mkdir(mode=0o700, exist_ok=True)
        slot.folder.rename(aside)
        return aside

    def _of_project(self, project_id: str) -> list[Slot]:
        return [slot for slot in self.all() if slot.project_id == project_id]

    def _free_or_fresh(self, mine: Sequence[Slot], project_id: str) -> Slot:
        usable = (slot for slot in mine if slot.is_free and not slot.is_doubtful)
        return next(usable, None) or Slot(project_id, self._root / project_id / self._new_id("slot"))

    def _are_too_many(self, spare: Sequence[Slot]) -> bool:
        size = sum(one.size_bytes for one in spare)
        return len(spare) > self._bounds.spare or size > self._bounds.size_bytes

    def write(self, slot: Slot) -> Slot:
        """Under the project's lock."""
        record = {
            "run_id": slot.run_id,
            "laid_out": slot.laid_out,
            "tip": slot.tip,
            "reserved": slot.reserved,
            "profile": slot.profile,
            "is_doubtful": slot.is_doubtful,
            "size_bytes": slot.size_bytes,
        }
        replace_file(slot.record, json.dumps(record).encode())
        return slot

    @contextmanager
    def _locked(self, project_id: str) -> Iterator[None]:
        folder = self._root / project_id
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)


def project_of(folder: Path) -> str:
    """The project whose objects a slot's folder borrows."""
    return folder.parent.name


def _same(now: Slot, then: Slot) -> bool:
    """Whether it was not given to somebody else meanwhile."""
    return (now.run_id, now.reserved) == (then.run_id, then.reserved)


def _read(record: Path) -> Slot | None:
    """None: somebody else deleted it after it was listed."""
    try:
        text = record.read_text()
    except FileNotFoundError:
        return None
    return Slot(record.parent.name, record.with_suffix(""), **json.loads(text))


def _size_of(folder: Path) -> int:
    """Bytes of all files below it, links not followed."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(f"{place}/{name}").st_size
            except FileNotFoundError:
                continue
    return total
