"""What was used, budgets and pauses, as dicts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kyros.collab.model import Budget
from kyros.drivers.model import Usage
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.fake.turns import FakeTurns
from kyros.fleet.model import (
    Cap,
    Spent,
    Turn,
)
from kyros.fleet.model.budget import DAILY, Scope, has_limit, spent_of
from kyros.fleet.model.pause import Pause
from kyros.fleet.model.usage import FIGURES, By, UsageQuery, UsageRow
from kyros.kernel.clock import to_text


@dataclass
class FakeLedger:
    """ports.Ledger over FakeTurns."""

    turns: FakeTurns

    async def roll_up(self, query: UsageQuery) -> Sequence[UsageRow]:
        groups: dict[tuple[str | None, ...], list[Turn]] = {}
        for turn in self.turns.rows():
            if _matches(turn, query):
                groups.setdefault(tuple(_key_of(turn, by) for by in query.by), []).append(turn)
        keys = sorted(groups, key=lambda key: tuple(one or "" for one in key))
        rows = [_sums(key, groups[key]) for key in keys]
        return rows[query.offset : query.offset + query.limit]

    async def spent(self, scope: Scope, key: str, day: str, without: str | None = None) -> Spent:
        total = Spent()
        for turn in self.turns.rows():
            owner = {"run": turn.run_id, "task": turn.task_id, "agent": turn.agent, "turn": turn.id}
            owner |= {"project": turn.project_id, "day": key}
            is_of_day = scope not in DAILY or turn.started_at[:10] == day
            if owner[scope] == key and is_of_day and turn.id != without:
                total += replace(
                    spent_of(turn.usage, turn.duration_ms or 0), unmeasured_turns=_is_unmeasured(turn)
                )
        return total


def _key_of(turn: Turn, by: By) -> str | None:
    return {
        By.AGENT: turn.agent,
        By.PROFILE: turn.agent,
        By.PROJECT: turn.project_id,
        By.TASK: turn.task_id,
        By.RUN: turn.run_id,
        By.MODEL: turn.usage.model,
        By.TIER: turn.tier.value,
        By.DAY: turn.started_at[:10],
    }[by]


def _matches(turn: Turn, query: UsageQuery) -> bool:
    return (
        (query.projects is None or turn.project_id in query.projects)
        and (query.since is None or turn.started_at >= query.since)
        and (query.until is None or turn.started_at < query.until)
        and query.agent in (None, turn.agent)
        and query.task in (None, turn.task_id)
    )


def _is_unmeasured(turn: Turn) -> bool:
    return replace(turn.usage, model=None, tool_calls=None) == Usage()


def _sums(keys: tuple[str | None, ...], turns: Sequence[Turn]) -> UsageRow:
    def total(values: Iterable[float | None]) -> Any:
        measured = [value for value in values if value is not None]
        return sum(measured) if measured else None

    usages = [turn.usage for turn in turns]
    return UsageRow(
        keys,
        len(turns),
        len({turn.run_id for turn in turns}),
        sum(map(_is_unmeasured, turns)),
        **{name: total(getattr(usage, name) for usage in usages) for name in FIGURES[:5]},
        duration_ms=total(turn.duration_ms for turn in turns),
        tool_calls=total(turn.tool_call_count for turn in turns),
    )


class FakeBudgets:
    """ports.Budgets as a dict."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._rows: dict[tuple[Scope, str], Budget] = {}
        self._marks: set[tuple[object, ...]] = set()

    async def all(self) -> Mapping[tuple[Scope, str], Budget]:
        return dict(sorted(self._rows.items()))

    async def set(self, scope: Scope, key: str, budget: Budget, actor: str) -> None:
        facts = {"scope": scope.value, "key": key, **budget.document()}
        facts |= {"project_id": key} if scope is Scope.PROJECT else {}
        self._outbox.append_in(None, [NewEvent("budget_set", actor, f"{scope}/{key}", facts)])
        self._rows.pop((scope, key), None)
        if has_limit(budget):
            self._rows[scope, key] = budget

    async def note_reached(self, cap: Cap, turn: Turn, sentence: str) -> bool:
        mark = (cap.scope, cap.key, cap.period, cap.limits)
        if mark in self._marks:
            return False
        facts = turn.facts() | {"budget": cap.name, **cap.limits.document(), "note": sentence}
        self._outbox.append_in(None, [NewEvent("budget_reached", "kyros", turn.run_id, facts)])
        self._marks.add(mark)
        return True


class FakePauses:
    """ports.Pauses as a dict."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._rows: dict[str, Pause] = {}

    async def all(self) -> Mapping[str, Pause]:
        return dict(sorted(self._rows.items()))

    async def pause(self, pause: Pause, turn: Turn) -> bool:
        known = self._rows.get(pause.profile)
        if known is not None and known.notice == pause.notice and known.until > pause.since:
            return False
        facts = turn.facts() | {"profile": pause.profile, "until": to_text(pause.until)}
        facts["notice"] = pause.notice
        self._outbox.append_in(None, [NewEvent("profile_paused", "kyros", pause.profile, facts)])
        self._rows[pause.profile] = pause
        return True

    async def resume(self, profile: str, actor: str) -> bool:
        if profile not in self._rows:
            return False
        self._outbox.append_in(None, [NewEvent("profile_resumed", actor, profile, {"profile": profile})])
        del self._rows[profile]
        return True
