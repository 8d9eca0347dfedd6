"""CI and commit hooks run what a person runs: the Makefile's targets and this project's own tools."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
JOBS = {
    "build-verification",
    "backend-tests",
    "frontend-tests",
    "e2e-tests",
    "security-scan",
    "pr-checks-summary",
}
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0][
    "hooks"
]


def steps(key: str) -> list[str]:
    return [step[key] for job in WORKFLOW["jobs"].values() for step in job["steps"] if key in step]


def test_the_six_jobs_are_there_and_the_summary_waits_for_the_others() -> None:
    assert set(WORKFLOW["jobs"]) == JOBS
    assert set(WORKFLOW["jobs"]["pr-checks-summary"]["needs"]) == JOBS - {"pr-checks-summary"}


def test_every_target_it_calls_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = {command.split()[1] for command in steps("run") if command.startswith("make ")}
    assert called <= targets
    assert {"lint", "test-python", "test-console", "test-e2e", "secrets"} <= called


def test_it_may_only_read_and_pins_every_action_by_major_version() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert [action for action in steps("uses") if not re.fullmatch(r"actions/[a-z-]+@v\d+", action)] == []


@pytest.mark.parametrize(
    "name", ["ruff", "ruff-format", "mypy", "import-linter", "sizes", "biome", "detect-secrets"]
)
def test_every_hook_runs_from_the_projects_own_environment(name: str) -> None:
    (hook,) = [hook for hook in HOOKS if hook["id"] == name]
    assert hook["language"] == "system"
    assert re.search(r"^\.venv/bin/|node_modules/\.bin/", hook["entry"])
