"""A forge over real git and SQLite, and real repositories to adopt."""

import hashlib
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kyros.forge.adapters.builtin import BuiltinForge
from kyros.forge.store import SqlForgeStore
from kyros.infra.db import SqliteDatabase
from kyros.infra.git import local_env
from kyros.kernel.ids import new_id
from tests.stand_ins import Outbox

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.invalid",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.invalid",
}


class Clone:
    """A person's repository, worked on with the git program."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main", *options)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *arguments],
            cwd=self.path, env=local_env() | _IDENTITY, capture_output=True, check=False, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, files: Mapping[str, bytes | str]) -> None:
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: Mapping[str, bytes | str], message: str = "work") -> str:
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def fingerprint(self) -> dict[str, tuple[str, int, int]]:
        """Of every file and folder: its content's hash, its time of change, its count of hard links."""
        found = {}
        for path in [self.path, *self.path.rglob("*")]:
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found[str(path)] = (hashlib.sha256(content).hexdigest(), status.st_mtime_ns, status.st_nlink)
        return found


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def store(database: SqliteDatabase, outbox: Outbox) -> SqlForgeStore:
    return SqlForgeStore(database, outbox, lambda: datetime.now(UTC))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home/forge"


@pytest.fixture
def forge(store: SqlForgeStore, folder: Path) -> BuiltinForge:
    return BuiltinForge(folder, store, lambda: datetime.now(UTC), new_id)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone on `main` with one commit."""
    clone = Clone(tmp_path / "app")
    clone.commit({"app.py": "print('hi')\n", "docs/a.md": "one\n"})
    return clone


@pytest.fixture
def make_clone(tmp_path: Path) -> Any:
    """Another repository: make_clone("name", *options of git init)."""
    return lambda name, *options: Clone(tmp_path / name, *options)
