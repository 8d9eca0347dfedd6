"""Regular expressions that others write, held against texts that others write: in linear time, whatever both
are. The engine is RE2: Python's syntax without looking around and without references back."""

from functools import lru_cache
from typing import Any

import re2


def check_pattern(pattern: str) -> str:
    """The pattern. Raises ValueError where it is none."""
    _compiled(pattern)
    return pattern


def matches_whole(pattern: str, text: str) -> bool:
    """Whether all of the text matches; a dot is any sign. Raises ValueError as `check_pattern` does."""
    return _compiled(pattern).fullmatch(text.encode("utf-8", "replace")) is not None


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.dot_nl, options.log_errors = True, False
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        said = error.args[0] if error.args else error
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ValueError(f"is no regular expression ({why})") from error
