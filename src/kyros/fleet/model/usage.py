"""What turns have used, summed up, as values."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum


class By(StrEnum):
    """What sums are made for. An agent is its profile as long as no registered agent works."""

    AGENT = "agent"
    PROFILE = "profile"
    PROJECT = "project"
    TASK = "task"
    RUN = "run"
    MODEL = "model"
    TIER = "tier"
    DAY = "day"


@dataclass(frozen=True)
class UsageQuery:
    """Turns begun from `since` on and before `until` (RFC 3339), of these projects (None: all, also of none).
    One or two of `by`."""

    by: Sequence[By]
    projects: frozenset[str] | None = None
    since: str | None = None
    until: str | None = None
    agent: str | None = None
    task: str | None = None
    offset: int = 0
    limit: int = 100


@dataclass(frozen=True)
class UsageRow:
    """`keys` are one for each of the query's `by`, None where a turn has none. A figure is the sum of what
    was measured, None where nothing was; `unmeasured_turns` have neither tokens nor money."""

    keys: tuple[str | None, ...]
    turns: int
    runs: int
    unmeasured_turns: int
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_creation_tokens: int | None
    cost_usd: float | None
    duration_ms: int | None
    tool_calls: int | None


FIGURES = tuple(one.name for one in fields(UsageRow))[4:]
