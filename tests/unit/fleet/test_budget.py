"""Which budgets hold for a turn, and when one is used up."""

import pytest

from kyros.collab.model import Budget
from kyros.drivers.model import Usage
from kyros.fleet.model import Cap, Spent, Subject
from kyros.fleet.model.budget import Scope, caps_for, granted, is_budget, reached, spent_of

SUBJECT = Subject("turn_1", "run_1", "codex", "2026-11-20", "T-1", "prj_1")
ONE, TWO, THREE = Budget(tokens=1), Budget(tokens=2), Budget(tokens=3)


def names(subject: Subject, rows: dict[tuple[Scope, str], Budget]) -> list[tuple[str, int | None, str]]:
    return [(cap.name, cap.limits.tokens, cap.period) for cap in caps_for(subject, rows)]


def test_without_rows_nothing_holds() -> None:
    assert names(SUBJECT, {}) == []
    assert names(SUBJECT, {(Scope.AGENT, "claude"): ONE, (Scope.TASK, "T-2"): ONE}) == []


def test_each_scope_holds_for_its_own_period() -> None:
    rows = {(scope, "*"): ONE for scope in Scope}
    day = "2026-11-20"
    assert names(SUBJECT, rows) == [
        ("turn/*", 1, ""), ("run/*", 1, ""), ("task/*", 1, ""), ("agent/*", 1, day), ("project/*", 1, day),
        ("day/*", 1, day),
    ]  # fmt: skip


def test_a_row_of_its_own_comes_first_and_what_run_and_task_say_holds_beside_the_row_for_all() -> None:
    subject = Subject("turn_1", "run_1", "codex", "2026-11-20", "T-1", None, own=TWO, task=TWO)
    rows = {(Scope.TASK, "T-1"): THREE, (Scope.TASK, "*"): ONE, (Scope.RUN, "*"): ONE}
    assert names(subject, rows) == [("run/run_1", 2, ""), ("run/*", 1, ""), ("task/T-1", 3, "")]
    del rows[Scope.TASK, "T-1"]
    assert names(subject, rows)[-2:] == [("task/T-1", 2, ""), ("task/*", 1, "")]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Budget(tokens=1_000), "The budget agent/codex is used up: 1,204 of 1,000 tokens today."),
        (Budget(usd=0.5), "The budget agent/codex is used up: $0.75 of $0.50 today."),
        (Budget(minutes=12), "The budget agent/codex is used up: 12.0 of 12 minutes today."),
        (Budget(tokens=1_205, usd=0.76, minutes=12.5), None),
        (Budget(), None),
    ],
)
def test_the_sentence_names_budget_use_and_limit(limits: Budget, said: str | None) -> None:
    cap = Cap(Scope.AGENT, "codex", "agent/codex", limits, "2026-11-20")
    assert reached(cap, Spent(1_204, 0.75, 12)) == said


def test_reading_a_cache_costs_no_tokens_and_what_is_not_measured_nothing() -> None:
    usage = Usage("m", 10, 5, cache_read_tokens=10_000, cache_creation_tokens=2, cost_usd=0.5)
    assert spent_of(usage, 90_000) == Spent(17, 0.5, 1.5)
    assert spent_of(Usage(), 60_000) == Spent(0, 0, 1)


def test_more_is_given_from_what_was_used_or_allowed_whichever_is_more() -> None:
    limits = Budget(tokens=100, usd=1.0)
    assert granted(limits, Spent(130, 0.2), Budget(tokens=50, usd=1.0, minutes=9)) == Budget(180, 2.0, None)
    assert granted(limits, Spent(130), Budget()) == limits


@pytest.mark.parametrize(
    ("scope", "key", "may_be"),
    [("turn", "*", True), ("turn", "turn_1", False), ("run", "run_1", False), ("day", "2026-11-20", False),
     ("agent", "codex", True), ("task", "T-1", True), ("project", "*", True)],
)  # fmt: skip
def test_which_budgets_there_may_be(scope: str, key: str, may_be: bool) -> None:
    assert is_budget(Scope(scope), key) is may_be
