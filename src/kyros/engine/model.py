"""A job as the engine sees it: a handler's name, a small payload, when it may start."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class NewJob:
    """`key` makes it unique among unfinished jobs: a second one with the same key changes nothing
    but an earlier start. `delay_seconds` keeps it back."""

    handler: str
    payload: Mapping[str, object] = field(default_factory=dict)
    key: str | None = None
    delay_seconds: float = 0.0


@dataclass(frozen=True)
class Job:
    """A claimed job; `attempt` counts claims from 1."""

    id: int
    handler: str
    payload: Mapping[str, object]
    attempt: int


@dataclass(frozen=True)
class Again:
    """A handler's answer: not finished, call me again after this long."""

    after_seconds: float
