"""Values and decisions of delegation: runs and their states, orders, TASK.md, a project's settings."""

from kyros.delegation.model.order import NewRun, Order, branch_name, digest_of
from kyros.delegation.model.run import (
    ENDED,
    REASONS,
    RUN_MOVES,
    STEP_TITLES,
    Reason,
    Run,
    RunStatus,
    Step,
    StepName,
    StepStatus,
)
from kyros.delegation.model.settings import ProjectSettings, parse_settings
from kyros.delegation.model.text import (
    TASK_FILE,
    commit_message,
    failed_body,
    prompt_of,
    pull_body,
    report_of,
    task_file,
    waits_for,
)

__all__ = [
    "ENDED",
    "REASONS",
    "RUN_MOVES",
    "STEP_TITLES",
    "TASK_FILE",
    "NewRun",
    "Order",
    "ProjectSettings",
    "Reason",
    "Run",
    "RunStatus",
    "Step",
    "StepName",
    "StepStatus",
    "branch_name",
    "commit_message",
    "digest_of",
    "failed_body",
    "parse_settings",
    "prompt_of",
    "pull_body",
    "report_of",
    "task_file",
    "waits_for",
]
