"""The end of the log, read once for all who follow it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from kyros.events.model import EVERYTHING, Event, EventFilter
from kyros.events.store.place import PAGE, LiveFollower, Look, Place
from kyros.events.store.view import Entry, View
from kyros.infra.telemetry import get_log
from kyros.kernel.errors import KyrosError

_RECENT = 2_000
_RECALL_SECONDS = 0.1
_POLL_SECONDS = 1.0
_BREATH_SECONDS = 20e-6
"""For each follower, after what is new was handed to all: about as long as sending it takes. So a thousand of
them leave half of the process to others, and events that come meanwhile go out together."""


class Live:
    """While somebody follows, one task reads what is new into a window of recent events, hands it to one
    view for each distinct filter, and those wake their readers.

    The window holds every event with `floor` < id <= `last`; it grows to twice its size before it is cut.
    Who is behind it reads pages instead. `seconds` is a coarse clock for all readers together.
    """

    def __init__(self, look: Look, last_id: Callable[[], Awaitable[int]]) -> None:
        self.look, self._last_id = look, last_id
        self.is_over = False
        self.seconds = 0
        self._bell = asyncio.Event()
        self._places = 0
        self._views: dict[EventFilter, tuple[View, int]] = {}
        self._followers: dict[LiveFollower, None] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._forget()

    def wake(self) -> None:
        self._bell.set()

    def hang_up(self) -> None:
        """Every follower ends; those to come end at once."""
        self.is_over = True
        for follower in list(self._followers):
            follower.wake()

    async def tail(self, after: int, match: EventFilter) -> AsyncGenerator[Event, None]:
        with self._viewing(match) as view:
            place = Place(self, view, after)
            while True:
                for event in await place.events():
                    yield event

    @asynccontextmanager
    async def follow(self, after: int, match: EventFilter) -> AsyncIterator[LiveFollower]:
        with self._viewing(match) as view:
            follower = LiveFollower(self, view, after)
            self._followers[follower] = None
            try:
                yield follower
            except asyncio.CancelledError:
                if not follower.dropped or not _taken_back():
                    raise
                get_log("kyros.events").info("a slow reader was dropped", position=follower.position)
            finally:
                del self._followers[follower]

    @contextmanager
    def _viewing(self, match: EventFilter) -> Iterator[View]:
        """The view of this filter, shared by all who have the same; the reading tasks while any is open."""
        view, users = self._views.get(match) or (View(match, self._window, self.last), 0)
        self._views[match] = (view, users + 1)
        self._places += 1
        if self._places == 1:
            self._tasks = [
                asyncio.create_task(work, name="events tail") for work in (self._read(), self._tick())
            ]
        try:
            yield view
        finally:
            self._leave(match)

    def _leave(self, match: EventFilter) -> None:
        view, users = self._views.pop(match)
        if users > 1:
            self._views[match] = (view, users - 1)
        self._places -= 1
        if not self._places:
            for task in self._tasks:
                task.cancel()
            self._forget()

    def _forget(self) -> None:
        self._window: list[Entry] = []
        self.floor = self.last = -1

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.seconds += 1
            for follower in list(self._followers):
                follower.tick()

    async def _read(self) -> None:
        while True:
            self._bell.clear()
            try:
                if await self._read_more():
                    continue
            except KyrosError as error:
                get_log("kyros.events").warning("the log could not be read", error=error.message)
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._bell.wait()

    async def _read_more(self) -> bool:
        """Bring the window up to date by one page; false when there was nothing new."""
        if self.last < 0:
            await self._begin()
            return True
        _, fresh = await self.look(self.last, PAGE, EVERYTHING)
        if fresh:
            self._grow([Entry(event) for event in fresh], fresh[-1].id)
            await asyncio.sleep(len(self._followers) * _BREATH_SECONDS)
        return bool(fresh)

    async def _begin(self) -> None:
        """At the end, with nothing: what is older each reads from the table, and at once."""
        last = await self._last_id()
        for view, _ in self._views.values():
            view.release()  # whoever waits looks again: what they want may lie behind the window
        self.floor = last
        self._grow([], last)
        self._tasks.append(asyncio.create_task(self._recall(), name="events tail"))

    async def _recall(self) -> None:
        """Then what is recent: after a restart everybody resumes a little behind the end. Those who came
        first have not waited for it."""
        await asyncio.sleep(_RECALL_SECONDS)
        floor = self.floor
        with suppress(KyrosError):  # they read the table as well without it
            _, found = await self.look(max(0, floor - _RECENT), _RECENT, EVERYTHING)
            older = [Entry(event) for event in found if event.id <= floor]
            if older and self.floor == floor:
                self._window[:0] = older
                self.floor = older[0].event.id - 1
                for view, _ in self._views.values():
                    view.recall(older)

    def _grow(self, fresh: list[Entry], last: int) -> None:
        self._window += fresh
        self.last = last
        cut = len(self._window) >= 2 * _RECENT
        if cut:
            self.floor = self._window[-_RECENT - 1].event.id
            del self._window[:-_RECENT]
        for view, _ in self._views.values():
            view.grow(fresh, last)
            if cut:
                view.shrink(self.floor)


def _taken_back() -> bool:
    """Whether the cancellation was ours alone; it is undone then."""
    task = asyncio.current_task()
    return task is not None and task.uncancel() == 0
