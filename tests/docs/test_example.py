"""The sample of the demo: its tests fail, and pass once its task is carried out."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from kyros.entrypoints.playbook.blocks import DiffBlock, FileBlock, RunBlock, parse_blocks

EXAMPLES = Path(__file__).parents[2] / "examples"
TASK = (EXAMPLES / "greeting.task.md").read_text()


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    folder = tmp_path / "greeting"
    shutil.copytree(EXAMPLES / "greeting", folder, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def unittest(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "unittest", "-q"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def carry_out(folder: Path) -> None:
    """What the task spells out, by hand and by git."""
    for block in parse_blocks(TASK):
        if isinstance(block, FileBlock):
            (folder / block.path).write_text(block.text)
        elif isinstance(block, DiffBlock):
            subprocess.run(["git", "apply", "-"], cwd=folder, input=block.text, text=True, check=True)


def test_its_tests_fail_at_first(sample: Path) -> None:
    done = unittest(sample)
    assert done.returncode == 1
    assert re.search(r"Ran 5 tests", done.stderr)
    assert "failures" in done.stderr or "errors" in done.stderr


def test_they_pass_once_the_task_is_carried_out(sample: Path) -> None:
    carry_out(sample)
    done = unittest(sample)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "OK")


def test_what_changes_fits_on_one_screen(sample: Path) -> None:
    subprocess.run(["git", "add", "-A"], cwd=sample, check=True)
    carry_out(sample)
    unittest(sample)
    subprocess.run(["git", "add", "-N", "."], cwd=sample, check=True)
    lines = subprocess.run(["git", "diff"], cwd=sample, capture_output=True, text=True, check=True).stdout
    changed = [line for line in lines.splitlines() if re.match(r"[+-](?![+-])", line)]
    assert 20 <= len(changed) <= 40
    assert "__pycache__" not in lines


def test_the_task_shows_each_kind_of_block_and_runs_the_projects_own_check() -> None:
    kinds = [type(block) for block in parse_blocks(TASK)]
    assert kinds == [FileBlock, DiffBlock, RunBlock]
    settings = tomllib.loads((EXAMPLES / "greeting" / "kyros.toml").read_text())
    assert settings == {"checks": {"command": parse_blocks(TASK)[-1].text.strip()}}
