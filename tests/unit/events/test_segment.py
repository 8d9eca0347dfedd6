"""What the index says of a segment, and that no filter is sent past what it wants."""

import pytest

from kyros.events.model import EVERYTHING, Event, EventFilter, matches
from kyros.events.model.segment import MOST_NAMES, Segment, Summary


def fact(number: int, **change: str) -> Event:
    project = change.pop("project", f"p_{number % 3}")
    fields = {"ts": f"2026-11-{number % 28 + 1:02d}", "event": f"e{number % 5}", "actor": f"a{number % 4}"}
    fields |= {"target": f"T-{number % 7}"} | change
    return Event(number, details={"task_id": f"T-{number}", "project_id": project}, **fields)


def summed(events: list[Event]) -> Segment:
    summary = Summary()
    for event in events:
        summary.add(event)
    return summary.segment("events-1.jsonl", 10, "d")


def test_it_names_numbers_times_and_what_is_in_it() -> None:
    entry = summed([fact(3), fact(4, ts="2026-11-01"), fact(5)])
    assert (entry.first, entry.last) == (3, 5)
    assert (entry.earliest, entry.latest) == ("2026-11-01", "2026-11-06")
    assert entry.events == ["e0", "e3", "e4"]
    assert entry.tasks == ["T-3", "T-4", "T-5"]
    assert entry.projects == ["p_0", "p_1", "p_2"]


@pytest.mark.parametrize("size", [1, 20, 2 * MOST_NAMES])
def test_whatever_passes_a_filter_is_in_a_segment_that_may_hold_it(size: int) -> None:
    events = [fact(n, actor=f"a{n}", event=f"e{n}", project=f"p{n}") for n in range(1, size + 1)]
    entry = summed(events)
    for match in (
        EVERYTHING,
        EventFilter(actor="a1"),
        EventFilter(event=f"e{size}"),
        EventFilter(task=f"T-{size}"),
        EventFilter(target="T-1"),
        EventFilter(projects=frozenset({f"p{size}", "other"})),
        EventFilter(since=entry.latest),
        EventFilter(actor="a1", projects=frozenset({"p1"})),
    ):
        assert any(matches(event, match) for event in events)
        assert entry.may_hold(match)


@pytest.mark.parametrize(
    "match",
    [
        EventFilter(actor="x"),
        EventFilter(event="x"),
        EventFilter(task="x"),
        EventFilter(projects=frozenset({"x"})),
        EventFilter(projects=frozenset()),
        EventFilter(since="2027"),
    ],
)
def test_what_cannot_be_in_it_is_known(match: EventFilter) -> None:
    assert not summed([fact(n) for n in range(1, 9)]).may_hold(match)


def test_too_many_names_are_not_listed() -> None:
    entry = summed([fact(n, actor=f"a{n}") for n in range(1, MOST_NAMES + 2)])
    assert entry.actors is None
    assert entry.events is not None
