"""Budgets: which of them hold for a turn, and when one is used up. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kyros.collab.model import Budget
from kyros.drivers.model import Usage

EVERY = "*"


class Scope(StrEnum):
    """What a budget is for. Those of agents, projects and days begin anew with each UTC day; the others hold
    for good."""

    TURN = "turn"
    RUN = "run"
    TASK = "task"
    AGENT = "agent"
    PROJECT = "project"
    DAY = "day"


DAILY = frozenset({Scope.AGENT, Scope.PROJECT, Scope.DAY})
_WILD_ONLY = frozenset({Scope.TURN, Scope.RUN, Scope.DAY})


@dataclass(frozen=True)
class Spent:
    """What was used: tokens are input, output and cache creation (reading a cache is left out: it costs a
    tenth, and each call reads the whole conversation again). What was not measured counts as nothing."""

    tokens: int = 0
    usd: float = 0.0
    minutes: float = 0.0
    unmeasured_turns: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.tokens + other.tokens,
            self.usd + other.usd,
            self.minutes + other.minutes,
            self.unmeasured_turns + other.unmeasured_turns,
        )


@dataclass(frozen=True)
class Cap:
    """One budget as it holds for one turn: `name` is where it is set, `period` the day or the turn that it is
    counted over."""

    scope: Scope
    key: str
    name: str
    limits: Budget
    period: str = ""


@dataclass(frozen=True)
class Subject:
    """Whose work is counted; `own` and `task` are limits of the run and the task themselves."""

    turn_id: str
    run_id: str
    agent: str
    day: str
    task_id: str | None = None
    project_id: str | None = None
    own: Budget = field(default_factory=Budget)
    task: Budget = field(default_factory=Budget)


Rows = Mapping[tuple[Scope, str], Budget]


def is_budget(scope: Scope, key: str) -> bool:
    """Whether such a row may be set: turns, runs and days have one for all."""
    return key == EVERY or scope not in _WILD_ONLY


def has_limit(budget: Budget) -> bool:
    return budget != Budget()


def caps_for(subject: Subject, rows: Rows) -> Iterator[Cap]:
    """The budgets that hold for a turn: of each scope the row of that very thing; or else the limits of the
    run or task itself, and beside them the row for all."""
    keys = (
        (Scope.TURN, subject.turn_id, Budget()),
        (Scope.RUN, subject.run_id, subject.own),
        (Scope.TASK, subject.task_id, subject.task),
        (Scope.AGENT, subject.agent, Budget()),
        (Scope.PROJECT, subject.project_id, Budget()),
        (Scope.DAY, EVERY, Budget()),
    )
    for scope, key, own in keys:
        if key is None:
            continue
        period = subject.day if scope in DAILY else ""
        its_row = rows.get((scope, key))
        beside = ((key, own), (EVERY, rows.get((scope, EVERY))))
        for name, limits in beside if its_row is None else ((key, its_row),):
            if limits is not None and has_limit(limits):
                yield Cap(scope, key, f"{scope}/{name}", limits, period)


def spent_of(usage: Usage, duration_ms: float) -> Spent:
    tokens = (usage.input_tokens, usage.output_tokens, usage.cache_creation_tokens)
    return Spent(sum(one or 0 for one in tokens), usage.cost_usd or 0.0, duration_ms / 60_000)


def reached(cap: Cap, spent: Spent) -> str | None:
    """The sentence for a person when a budget is used up."""
    when = "today" if cap.scope in DAILY else "in all"
    limits = cap.limits
    if limits.tokens is not None and spent.tokens >= limits.tokens:
        said = f"{spent.tokens:,} of {limits.tokens:,} tokens"
    elif limits.usd is not None and spent.usd >= limits.usd:
        said = f"${spent.usd:,.2f} of ${limits.usd:,.2f}"
    elif limits.minutes is not None and spent.minutes >= limits.minutes:
        said = f"{spent.minutes:,.1f} of {limits.minutes:,g} minutes"
    else:
        return None
    return f"The budget {cap.name} is used up: {said} {when}."


def granted(limits: Budget, spent: Spent, more: Budget) -> Budget:
    """Limits raised so that `more` is there from now on; a measure without a limit stays without one."""

    def raised(limit: float | None, used: float, extra: float | None) -> float | None:
        return limit if limit is None or extra is None else max(limit, used) + extra

    tokens = raised(limits.tokens, spent.tokens, more.tokens)
    return Budget(
        None if tokens is None else int(tokens),
        raised(limits.usd, spent.usd, more.usd),
        raised(limits.minutes, spent.minutes, more.minutes),
    )
