"""Pages over the file and the log, when the file is read in several looks and the log forgets meanwhile."""

from collections.abc import Callable

from kyros.events.fake import FakeEventLog
from kyros.events.model import EVERYTHING, Event, EventFilter, NewEvent
from kyros.events.ports import Scan
from kyros.events.service.history import History


class Archive:
    """Reads at most ten events at a look; `looked` is called after each."""

    def __init__(self, last: int, looked: Callable[[], None] = lambda: None) -> None:
        self.events = [Event(n, "t", "e", "ann", "T-1", {}) for n in range(1, last + 1)]
        self.looked = looked

    async def scan(self, after: int, before: int, limit: int, match: EventFilter) -> Scan:
        reached = min(after + 10, before - 1)
        found = [event for event in self.events[after:reached] if match.actor in (None, event.actor)][:limit]
        self.looked()
        return Scan(found, found[-1].id if len(found) == limit else reached)


async def log_of(count: int, forgotten: int) -> FakeEventLog:
    log = FakeEventLog()
    await log.append(*(NewEvent("e", "ann", "T-1", {}) for _ in range(count)))
    await log.forget(forgotten, forgotten)
    return log


async def test_a_look_that_stops_early_ends_the_page_and_says_where_to_go_on() -> None:
    history = History(await log_of(60, 45), Archive(45))
    page = await history.page(0, 100, EVERYTHING)
    assert ([event.id for event in page.events], page.next_after) == (list(range(1, 11)), 10)
    page = await history.page(3, 4, EventFilter(actor="nobody"))
    assert (page.events, page.next_after) == ([], 13)
    page = await history.page(40, 100, EVERYTHING)
    assert ([event.id for event in page.events], page.next_after) == (list(range(41, 61)), None)
    page = await history.page(40, 5, EVERYTHING)
    assert ([event.id for event in page.events], page.next_after) == ([41, 42, 43, 44, 45], 45)


async def test_what_the_log_forgets_meanwhile_is_read_from_the_file() -> None:
    log = await log_of(60, 20)

    def forget() -> None:
        log._forgotten = 30

    page = await History(log, Archive(60, forget)).page(15, 100, EVERYTHING)
    assert [event.id for event in page.events] == list(range(16, 61))


async def test_without_a_file_the_log_is_all_there_is() -> None:
    page = await History(await log_of(5, 0), None).page(1, 3, EVERYTHING)
    assert ([event.id for event in page.events], page.next_after) == ([2, 3, 4], 4)
