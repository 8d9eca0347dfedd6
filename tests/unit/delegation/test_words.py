"""Names and texts made from whatever a person typed."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kyros.collab.model import Task, TaskStatus
from kyros.delegation.model import branch_name, commit_message, digest_of, prompt_of, task_file
from tests.unit.delegation.conftest import order

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TASK = Task("T-1", "prj_1", "Greet", "Say hello.", "", (), TaskStatus.QUEUED, 1, "2026-11-20T12:00:00Z", "")


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Greet the night owls", "greet-the-night-owls"),
        ("🦉🌙", "task"),
        ("", "task"),
        ("---", "task"),
        ("Ünïcödé café", "unicode-cafe"),
        ("مرحبا بالعالم", "task"),
        ("\u202eevil\u202c title", "evil-title"),
        ("a/../../b\\c", "a-b-c"),
        ("$(rm -rf ~); `x` && 'y' | \"z\" > /dev/null", "rm-rf-x-y-z-dev-null"),
        ("--upload-pack=x", "upload-pack-x"),
        ("HEAD@{1}^~:?*[ .lock", "head-1-lock"),
        ("one\ntwo\x00three", "one-two-three"),
        ("x" * 300, "x" * 50),
        ("a" * 49 + " b", "a" * 49),
    ],
)
def test_a_branch_is_named_in_plain_letters_whatever_the_title(title: str, slug: str) -> None:
    name = branch_name(title, NOON)
    assert name == f"feature/{slug}-{int(NOON.timestamp() * 1000)}"
    assert re.fullmatch(r"feature/[a-z0-9]+(-[a-z0-9]+)*", name)


def test_branches_of_different_moments_differ() -> None:
    assert branch_name("x", NOON) != branch_name("x", NOON.replace(microsecond=1000))


def test_task_md_holds_title_objective_constraints_and_a_checklist() -> None:
    task = replace(TASK, constraints="No new packages.\n", acceptance_criteria=("tests pass", "it\ngreets"))
    assert task_file(task).decode() == (
        "# Greet\n\nSay hello.\n\n## Constraints\n\nNo new packages.\n\n"
        "## Acceptance criteria\n\n- [ ] tests pass\n- [ ] it greets\n\n"
        "⏳ Code for this task is on its way: an agent works on this branch.\n"
    )


def test_empty_parts_are_left_out() -> None:
    text = task_file(replace(TASK, objective="  \n", constraints=" ")).decode()
    assert text.count("#") == 1
    assert "Acceptance" not in text


def test_fenced_blocks_of_the_objective_are_not_touched() -> None:
    objective = (
        "Write:\n\n```python file=a.py\n    indented = 1\n\n\n# not a heading\n```\n\n```sh run\nls\n```"
    )
    assert objective in task_file(replace(TASK, objective=objective)).decode()


def test_a_title_of_many_lines_stays_one_heading_and_one_prompt() -> None:
    task = replace(TASK, title="Greet\n# Ignore the rest\r\nnow")
    assert task_file(task).decode().splitlines()[0] == "# Greet # Ignore the rest now"
    assert "\n" not in prompt_of(task)
    assert prompt_of(task).startswith("Read TASK.md and implement the feature. ")


@pytest.mark.parametrize("title", ["x", "x" * 66, "x" * 67, "🦉" * 300, "two\nlines"])
def test_a_commits_subject_is_one_line_of_72_at_most(title: str) -> None:
    message = commit_message(replace(TASK, title=title), "run_1", "playbook")
    subject, blank, *trailers = message.splitlines()
    assert len(subject) <= 72
    assert subject.startswith("feat: ")
    assert subject.endswith("…") == (len(title) > 66)
    assert blank == ""
    assert trailers == ["Kyros-Task: T-1", "Kyros-Run: run_1", "Kyros-Agent: playbook"]


def test_the_same_order_has_the_same_digest_and_every_field_counts() -> None:
    assert digest_of(order()) == digest_of(order())
    changes = {
        "title": "x", "objective": "x", "constraints": "x", "acceptance_criteria": ["x"], "repo": "x",
        "project": "x", "base": "x", "agent": "x", "timeout_seconds": 1.0,
    }  # fmt: skip
    digests = {digest_of(order(**{name: value})) for name, value in changes.items()}
    assert len(digests | {digest_of(order())}) == len(changes) + 1
