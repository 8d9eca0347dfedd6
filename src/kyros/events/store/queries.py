"""Which rows a filter asks for, so put that a page costs what it shows and not what the log holds."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, union

from kyros.events.model import KIN, EventFilter
from kyros.events.store.tables import events

_MANY_PROJECTS = 16


def page_query(after: int, limit: int, match: EventFilter) -> Select[Any]:
    """Rows with id > `after` that pass, oldest first, at most `limit`."""
    rest = [_begin(after, match), *_plain_conditions(match)]
    if not (ways := _ways(match)):
        return select(events).where(*rest).order_by(events.c.id).limit(limit)
    found = [
        select(select(events.c.id).where(way, *rest).order_by(events.c.id).limit(limit).subquery().c.id)
        for way in ways
    ]
    numbers = union(*found).subquery()
    first_ones = select(numbers.c.id).order_by(numbers.c.id).limit(limit)
    return select(events).where(events.c.id.in_(first_ones)).order_by(events.c.id)


def _begin(after: int, match: EventFilter) -> ColumnElement[bool]:
    """The clock may have been set back, so the first event since a time is only a floor; later pages are
    beyond it anyway."""
    if after > 0 or match.since is None:
        return events.c.id > after
    # The sum keeps databases from going through the numbers instead of the times.
    first = select(func.min(events.c.id + 0)).where(events.c.ts >= match.since)
    return events.c.id >= first.scalar_subquery()


def conditions(match: EventFilter) -> list[ColumnElement[bool]]:
    """What each row must meet."""
    ways = _ways(match)
    return [*_plain_conditions(match), *([or_(*ways)] if ways else [])]


def _plain_conditions(match: EventFilter) -> list[ColumnElement[bool]]:
    """All but `target` and `task`, which have several ways to be met."""
    found: list[ColumnElement[bool]] = []
    if match.event is not None:
        found.append(events.c.event == match.event)
    if match.actor is not None:
        found.append(events.c.actor == match.actor)
    if match.since is not None:
        found.append(events.c.ts >= match.since)
    if match.projects is not None:
        project_id: ColumnElement[str] = events.c.project_id
        if match.task is not None or match.target is not None:
            project_id = (
                project_id + ""
            )  # looked at, not looked up: what is asked for is rarer than a project
        found.append(project_id.in_(sorted(match.projects)))
    if match.task is not None and match.target is not None:
        found.append(or_(*(events.c[name] == match.target for name in ("target", *KIN))))
    return found


def _ways(match: EventFilter) -> Sequence[ColumnElement[bool]]:
    """The condition with several ways to be met, each way by itself: one index serves it, in the order
    of numbers. None when one index serves the whole filter."""
    if match.task is not None:
        return [events.c[name] == match.task for name in ("target", "task_id")]
    if match.target is not None:
        hidden = match.projects is not None and match.target not in match.projects
        names = [name for name in ("target", *KIN) if not (hidden and name == "project_id")]
        return [events.c[name] == match.target for name in names]
    plain = match.event is None and match.actor is None
    if plain and match.projects and len(match.projects) <= _MANY_PROJECTS:
        return [events.c.project_id == project for project in sorted(match.projects)]
    return []
