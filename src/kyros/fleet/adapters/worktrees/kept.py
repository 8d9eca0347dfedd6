"""What a run left uncommitted, as plain files for a person to look at. Nothing here is ever deleted by us."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from kyros.fleet.adapters.worktrees.checkout import is_own_file


def keep_files(folder: Path, paths: Sequence[str], kept: Path) -> Path:
    """Copy `paths` of `folder` to a new numbered folder (0700) in `kept`; deleted ones are listed beside."""
    kept.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = kept / str(len(list(kept.iterdir())) + 1)
    place.mkdir(mode=0o700)
    (place / "files").mkdir()
    for path in paths:
        if is_own_file(folder, path):
            copy = place / "files" / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(folder / path, copy, follow_symlinks=False)
        else:
            with (place / "deleted.txt").open("a") as deleted:
                deleted.write(f"{path}\n")
    return place
