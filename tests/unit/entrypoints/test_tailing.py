"""`kyros event tail` over servers that come and go, in a script of what each connection brings."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import pytest

from kyros.entrypoints.cli import tailing
from kyros.entrypoints.cli.client import Message
from kyros.entrypoints.cli.failures import Refused, Unreachable
from kyros.entrypoints.cli.tailing import Tail

GONE = Unreachable("No Kyros answers.")
Step = Message | Exception


def event(number: int) -> dict[str, Any]:
    return {"id": number, "event": "e"}


def at(number: int) -> Message:
    return Message(str(number), "message", "")


def said(number: int) -> Message:
    return Message(str(number), "message", json.dumps(event(number)))


def reset(number: int) -> Message:
    return Message(str(number), "reset", f'{{"last_id":{number}}}')


class Script:
    """Stands for the client; each connection plays the next list. `log` is what pages are read from."""

    def __init__(self, *connections: list[Step], log: int = 0) -> None:
        self.connections = list(connections)
        self.log = log
        self.asked: list[Mapping[str, object]] = []
        self.told: list[str] = []

    def messages(self, path: str, query: Mapping[str, object], silence_seconds: float) -> Iterator[Message]:
        self.asked.append(query)
        for step in self.connections.pop(0):
            if isinstance(step, Exception):
                raise step
            yield step

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        first = int(query["cursor"]) + 1
        numbers = range(first, min(first + 3, self.log + 1))
        more = str(numbers[-1]) if numbers and numbers[-1] < self.log else None
        return {"items": [event(n) for n in numbers], "next_cursor": more}

    def close(self) -> None:
        pass

    def take(self, count: int, **wanted: object) -> list[int]:
        tail = Tail(lambda: self, wanted, self.told.append)  # type: ignore[arg-type,return-value]
        return [one["id"] for one in islice(tail.events(), count)]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailing.time, "sleep", lambda seconds: None)


def test_it_goes_on_after_the_last_event_when_a_connection_ends() -> None:
    script = Script([at(4), said(5), said(6)], [at(6), said(7)])
    assert script.take(3) == [5, 6, 7]
    assert [asked["after"] for asked in script.asked] == [None, 6]


def test_what_comes_twice_is_shown_once() -> None:
    assert Script([at(0), said(1), said(2)], [said(1), said(2), said(3)]).take(3) == [1, 2, 3]


def test_a_server_that_goes_away_is_waited_for_and_told_of_once() -> None:
    script = Script([at(2), said(3), GONE], [GONE], [GONE], [at(3), said(4)])
    assert script.take(2) == [3, 4]
    assert len(script.told) == 1


def test_what_happened_while_no_event_had_come_yet_is_not_missed() -> None:
    script = Script([at(7), GONE], [at(7), said(8)])
    assert script.take(1) == [8]
    assert script.asked[1]["after"] == 7


def test_how_far_the_stream_is_counts_although_nothing_was_for_us() -> None:
    script = Script([at(1), at(90), GONE], [at(90), said(91)])
    assert script.take(1, actor="bob") == [91]
    assert script.asked[1] == {"actor": "bob", "after": 90}


def test_a_server_that_was_never_there_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        Script([GONE]).take(1)


@pytest.mark.parametrize("status", [401, 403, 422])
def test_a_refusal_ends_it(status: int) -> None:
    with pytest.raises(Refused):
        Script([at(1), said(2)], [Refused("no", status=status)]).take(9)


def test_a_server_that_is_busy_is_asked_again() -> None:
    assert Script([at(1)], [Refused("busy", status=503)], [at(1), said(2)]).take(1) == [2]


def test_after_a_reset_what_was_missed_is_read_in_pages() -> None:
    script = Script([at(1), said(2), GONE], [reset(10), said(11)], log=12)
    assert script.take(10) == list(range(2, 12))


def test_a_reset_at_the_start_reads_all_there_is_since() -> None:
    script = Script([reset(5), said(6)], log=6)
    assert script.take(6, since="2026-01-01T00:00:00Z") == [1, 2, 3, 4, 5, 6]


def test_another_log_is_told_of_and_followed() -> None:
    script = Script([at(70), said(71), GONE], [reset(3), said(4)], log=4)
    assert script.take(2) == [71, 4]
    assert any("anew" in words for words in script.told)
