"""A Kyros and a repository for whole-system tests; nothing outlives the test."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.system.house import Kyros, repository


@pytest.fixture
def kyros(tmp_path: Path) -> Iterator[Kyros]:
    kyros = Kyros(tmp_path / "home")
    yield kyros
    if kyros.process is not None and kyros.process.poll() is None:
        kyros.stop()
    kyros.close()
    for pid in kyros.agents() if (kyros.home / "installation").exists() else []:
        psutil.Process(pid).kill()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(
        tmp_path / "app", {"README.md": "hello\n", "kyros.toml": '[checks]\ncommand = "test -f made.txt"\n'}
    )
