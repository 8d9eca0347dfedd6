"""Unified patches of texts that programs show, for the transcript."""

import difflib

from kyros.drivers.adapters.bounds import clean

_SIGNS = 400_000
_LINES = 5_000


def patch_of(path: str, old: str, new: str) -> str:
    """From the one text to the other; empty where they are too long to compare."""
    before, after = clean(old, len(old)).split("\n"), clean(new, len(new)).split("\n")
    if len(old) + len(new) > _SIGNS or len(before) + len(after) > _LINES:
        return ""
    names = (f"a/{path}" if old else "/dev/null", f"b/{path}")
    lines = difflib.unified_diff(_lines(before), _lines(after), *names, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _lines(pieces: list[str]) -> list[str]:
    """Without the empty piece behind the last line's end."""
    return pieces[:-1] if pieces and not pieces[-1] else pieces
