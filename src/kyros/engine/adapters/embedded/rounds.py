"""A round: the one transaction in which a worker answers for what ended and claims what comes next."""

import random as chance
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from kyros.engine.adapters.embedded import table
from kyros.engine.adapters.embedded.table import Claim
from kyros.engine.model import Again
from kyros.infra.telemetry import get_log
from kyros.kernel.clock import Clock, utc_now

_ERROR_LIMIT = 2_000


@dataclass(frozen=True)
class Rules:
    """How long and how often. A claim not renewed for `claim_ttl_seconds` is lost; a job whose claim is
    lost `max_losses` times without a success between is dead: it probably kills its workers."""

    claim_ttl_seconds: float = 10.0
    max_attempts: int = 5
    max_losses: int = 20
    backoff_seconds: float = 1.0
    backoff_cap_seconds: float = 60.0
    poll_seconds: float = 1.0


@dataclass(frozen=True)
class Worker:
    """Who serves, by which rules, by which clock and dice (0 to 1). `boot` changes with every start."""

    name: str
    boot: str
    rules: Rules = Rules()
    clock: Clock = utc_now
    random: Callable[[], float] = chance.random

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.clock().timestamp()

    def retry_at(self, failures: int) -> float:
        """Exponential backoff with full jitter after this many earlier failures."""
        ceiling = min(self.rules.backoff_cap_seconds, self.rules.backoff_seconds * 2.0 ** min(failures, 30))
        return self.now() + ceiling * self.random()


class Interrupted:
    """An outcome: we stopped the handler or never started it, so nobody failed and the job goes back."""


Outcome = Again | Exception | Interrupted | None


@dataclass(frozen=True, slots=True)
class Ended:
    claim: Claim
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Plan:
    """What a round shall do: settle `ended`, claim up to `room`; every so often `renew` and `sweep`."""

    ended: Sequence[Ended]
    room: int
    renew: bool
    sweep: bool


@dataclass(frozen=True, slots=True)
class Brought:
    """What a round brought: `held` are (id, attempt) of the claims renewed, None when none were;
    `next_start` is known only when there was room left."""

    claims: Sequence[Claim]
    held: set[tuple[int, int]] | None
    next_start: float | None


def play(connection: Connection, worker: Worker, owner: str, names: Sequence[str], plan: Plan) -> Brought:
    """Settle, renew, sweep, claim: in this order, so that nobody's own claim expires under him."""
    settle(connection, worker, owner, plan.ended)
    now, until = worker.now(), worker.now() + worker.rules.claim_ttl_seconds
    held = table.renew(connection, owner, until) if plan.renew else None
    if plan.sweep:
        report_dead(table.lose_expired(connection, now, worker.rules.max_losses))
    claims = table.claim(connection, owner, names, plan.room, now, until) if plan.room else []
    idle = len(claims) < plan.room
    return Brought(claims, held, table.next_start(connection, names) if idle else None)


def settle(connection: Connection, worker: Worker, owner: str, ended: Sequence[Ended]) -> None:
    """Write down every outcome; those of claims lost meanwhile change nothing."""
    finished = [end.claim.job for end in ended if end.outcome is None]
    if finished:
        table.finish(connection, owner, finished)
    for end in ended:
        job, outcome = end.claim.job, end.outcome
        if isinstance(outcome, Interrupted):
            table.give_back(connection, owner, job)
        elif isinstance(outcome, Again):
            table.again(connection, owner, job, worker.now() + outcome.after_seconds)
        elif isinstance(outcome, Exception):
            _settle_failure(connection, worker, owner, end.claim, outcome)


def _settle_failure(
    connection: Connection, worker: Worker, owner: str, claim: Claim, error: Exception
) -> None:
    said = f"{type(error).__name__}: {error}"[:_ERROR_LIMIT]
    if claim.failures + 1 < worker.rules.max_attempts:
        table.fail(connection, owner, claim.job, said, worker.retry_at(claim.failures))
    else:
        table.bury(connection, owner, claim.job, said)


def report_dead(rows: Sequence[tuple[int, str]]) -> None:
    for number, state in rows:
        if state == "dead":
            get_log("kyros.engine").error("a job is dead: its worker was lost too often", job=number)
