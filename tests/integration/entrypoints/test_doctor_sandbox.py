"""`kyros doctor` says what confines agents here, and what to do where nothing does."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandboxes import needs_bubblewrap


@pytest.fixture
def without_bubblewrap(tmp_path: Path) -> str:
    """A PATH with git and the system's small tools, and no bwrap."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("git", "env", "prlimit"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


def doctor(home: Path, **environment: str) -> tuple[dict[str, object], int]:
    """What is found of the sandbox, and the exit code."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KYROS_")}
    done = subprocess.run(
        [sys.executable, "-m", "kyros", "--home", str(home), "doctor", "--json"],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=90,
    )
    return next(one for one in json.loads(done.stdout) if one["name"] == "sandbox"), done.returncode


@needs_bubblewrap
def test_a_sandbox_in_force_is_named_with_its_network_and_memory(tmp_path: Path) -> None:
    found, code = doctor(
        tmp_path / "home", KYROS_AGENT_NETWORK="false", KYROS_AGENT_MEMORY_BYTES="2147483648"
    )
    assert (found["ok"], found["advice"], code) == (True, "", 0)
    assert found["note"] == "bubblewrap, without a network; memory held to 2 GiB by a watch"


def test_a_plain_tree_is_said_with_what_to_install(tmp_path: Path, without_bubblewrap: str) -> None:
    found, code = doctor(tmp_path / "home", PATH=without_bubblewrap)
    assert (found["ok"], found["needed"], code) == (False, False, 0)
    assert "a plain process tree, for bubblewrap does not work: bwrap not found" in str(found["note"])
    assert "apt-get install bubblewrap" in str(found["advice"])


def test_a_sandbox_that_was_asked_for_is_needed(tmp_path: Path, without_bubblewrap: str) -> None:
    found, code = doctor(tmp_path / "home", PATH=without_bubblewrap, KYROS_SANDBOX="bubblewrap")
    assert (found["ok"], found["needed"], code) == (False, True, 1)
    assert "No agent starts until then" in str(found["advice"])


def test_one_that_was_turned_off_is_said(tmp_path: Path) -> None:
    found, code = doctor(tmp_path / "home", KYROS_SANDBOX="off")
    assert (found["ok"], code) == (False, 0)
    assert "KYROS_SANDBOX is off" in str(found["advice"])
