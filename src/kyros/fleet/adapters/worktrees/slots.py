"""Who has which worktree: one folder and one record beside it for each slot. Knows no git.

    worktrees/<project>/<slot>/        the agent's folder, with a `.git` of its own
    worktrees/<project>/<slot>.git/    our git directory for it, out of the agent's way
    worktrees/<project>/<slot>.json    the record: whose it is, which commit it holds
    worktrees/kept/<run>/              what a run left uncommitted
    worktrees/set-aside/               folders that would not be clean, whole

The records are the truth: no row in the database can drift from the disk.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from kyros.infra.files import remove_tree, replace_file
from kyros.kernel.ids import NewId

_SPARE_SLOTS = 4


@dataclass(frozen=True)
class Slot:
    """`run_id` None: free. `laid_out` is the commit of the index, `tip` what was pushed since (or
    the same): whatever differs from `tip` is saved nowhere else."""

    project_id: str
    folder: Path
    run_id: str | None = None
    laid_out: str | None = None
    tip: str | None = None

    @property
    def record(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.json")

    @property
    def git_folder(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.git")


class Slots:
    def __init__(self, root: Path, new_id: NewId) -> None:
        self._root = root
        self._new_id = new_id

    def all(self) -> list[Slot]:
        found = (_read(record) for record in sorted(self._root.glob("*/slot_*.json")))
        return [slot for slot in found if slot is not None]

    def of_run(self, run_id: str) -> Slot | None:
        return next((slot for slot in self.all() if slot.run_id == run_id), None)

    def take(self, project_id: str, run_id: str) -> tuple[Slot, bool]:
        """The run's own slot, else a free one, else a new one (its folder does not exist yet); and
        whether it was the run's already, so that work may lie in it."""
        with self._locked(project_id):
            mine = [slot for slot in self.all() if slot.project_id == project_id]
            own = next((slot for slot in mine if slot.run_id == run_id), None)
            free = next((slot for slot in mine if slot.run_id is None), None)
            if own is not None:
                return own, True
            fresh = Slot(project_id, self._root / project_id / self._new_id("slot"))
            return self.write(replace(free or fresh, run_id=run_id)), False

    def free(self, slot: Slot) -> None:
        """Give it to whoever comes next; more spare ones than we keep are deleted, oldest first."""
        with self._locked(slot.project_id):
            if not self._is_still(slot):
                return
            self.write(replace(slot, run_id=None))
            spare = [one for one in self.all() if one.project_id == slot.project_id and one.run_id is None]
            for one in spare[:-_SPARE_SLOTS]:
                self.delete(one)

    def delete(self, slot: Slot) -> None:
        """Delete a slot of ours: it has its record, and its folder lies where slots lie."""
        if not slot.record.exists() or slot.folder.parent.parent != self._root:
            raise ValueError(f"{slot.folder} is not a worktree of this installation")
        if not self._is_still(slot):
            return
        remove_tree(slot.folder)
        remove_tree(slot.git_folder)
        slot.record.unlink()

    def set_aside(self, slot: Slot) -> Path:
        """Move a folder we cannot read out of the way, whole, for a person to look at."""
        aside = self._root / "set-aside" / f"{slot.run_id}-{slot.folder.name}"
        aside.parent.mkdir(mode=0o700, exist_ok=True)
        slot.folder.rename(aside)
        return aside

    def _is_still(self, slot: Slot) -> bool:
        """Whether the slot was not lent to another run meanwhile."""
        now = _read(slot.record)
        return now is not None and now.run_id == slot.run_id

    def write(self, slot: Slot) -> Slot:
        record = {"run_id": slot.run_id, "laid_out": slot.laid_out, "tip": slot.tip}
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


def _read(record: Path) -> Slot | None:
    """None: somebody else deleted it after it was listed."""
    try:
        text = record.read_text()
    except FileNotFoundError:
        return None
    return Slot(record.parent.name, record.with_suffix(""), **json.loads(text))
