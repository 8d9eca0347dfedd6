"""What a program says, made fit to be kept: of bounded size, and of signs that every store takes."""

import math

ID_SIGNS = 200
TITLE_SIGNS = 2_000
SUBJECT_SIGNS = 100_000
_DEPTH = 6
_ITEMS = 100
_TOTAL_SIGNS = 20_000


def clean(text: str, limit: int = _TOTAL_SIGNS) -> str:
    """Without NUL and halves of surrogate pairs, which are no text."""
    return text[:limit].replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def word(value: object, limit: int = ID_SIGNS) -> str:
    """A string of a message, cleaned; empty if it is none."""
    return clean(value, limit) if isinstance(value, str) else ""


def bounded(value: object) -> object:
    """JSON of at most some 20,000 signs; what is too deep or too long is cut and says `…`."""
    return _cut(value, [_TOTAL_SIGNS], _DEPTH)


def _cut(value: object, left: list[int], depth: int) -> object:
    if left[0] <= 0 or (depth == 0 and isinstance(value, dict | list)):
        return "…"
    left[0] -= 8
    if isinstance(value, str):
        return _cut_text(value, left)
    if isinstance(value, dict):
        some = list(value.items())[:_ITEMS]
        return {_cut_text(str(key), left): _cut(held, left, depth - 1) for key, held in some}
    if isinstance(value, list):
        return [_cut(held, left, depth - 1) for held in value[:_ITEMS]]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _cut_text(text: str, left: list[int]) -> str:
    kept = clean(text, max(left[0], 0))
    left[0] -= len(kept)
    return kept if len(kept) == len(text) else kept + "…"
