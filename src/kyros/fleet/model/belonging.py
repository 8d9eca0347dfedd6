"""What belongs in a commit and what does not. Pure; ignored files never get this far."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from kyros.fleet.model.turn import Change

LARGE_BYTES = 50_000_000
"""No forge wants larger files, and no reviewer reads them."""

_JUNK_FOLDERS = frozenset(
    {
        "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox", ".venv", "venv",
        "node_modules", ".cache", ".idea", ".vscode", ".gradle", "htmlcov", ".hypothesis", ".eggs",
    }
)  # fmt: skip
_JUNK_NAMES = re.compile(
    r"(\.DS_Store|Thumbs\.db|\.coverage|nohup\.out|.*\.(pyc|pyo|log|tmp|swp|orig|rej|bak)|\.aider\..*)"
)
_SECRET_NAMES = re.compile(
    r"(\.env(\..+)?|\.netrc|\.pgpass|\.npmrc|\.pypirc|id_(rsa|dsa|ecdsa|ed25519)"
    r"|credentials(\.json)?|.*\.(pem|key|p12|pfx|jks|keystore|kdbx))",
    re.IGNORECASE,
)
_SECRET_NAMES_FINE = re.compile(r".*\.(example|sample|template|dist)", re.IGNORECASE)


@dataclass(frozen=True)
class Sorted:
    """`committed` goes in; the others stay out, each for its reason."""

    committed: Sequence[str]
    junk: Sequence[str]
    secrets: Sequence[str]
    large: Sequence[str] = ()


def sort_changes(changes: Iterable[Change]) -> Sorted:
    """A file the repository already tracks belongs; a new one belongs unless its name speaks against it."""
    committed: list[str] = []
    junk: list[str] = []
    secrets: list[str] = []
    large: list[str] = []
    for change in changes:
        if change.size_bytes > LARGE_BYTES or change.path.endswith("/"):
            large.append(change.path)
        elif change.is_new and _is_junk(change.path):
            junk.append(change.path)
        elif change.is_new and _is_secret(change.path):
            secrets.append(change.path)
        else:
            committed.append(change.path)
    return Sorted(committed, junk, secrets, large)


def _is_junk(path: str) -> bool:
    *folders, name = PurePosixPath(path).parts
    inside = any(
        part in _JUNK_FOLDERS or part.endswith(".egg-info") or part.startswith(".aider.") for part in folders
    )
    return inside or _JUNK_NAMES.fullmatch(name) is not None


def _is_secret(path: str) -> bool:
    name = PurePosixPath(path).name
    return _SECRET_NAMES.fullmatch(name) is not None and _SECRET_NAMES_FINE.fullmatch(name) is None
