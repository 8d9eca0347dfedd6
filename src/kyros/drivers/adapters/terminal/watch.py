"""Watches a screen over time: every change of state in order, and how long nothing has moved."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kyros.drivers.adapters.terminal.prompt import Trace
from kyros.drivers.adapters.terminal.screen import Screen
from kyros.drivers.adapters.terminal.signals import NOTHING_YET, Reader, Reading, Sight

T = TypeVar("T")

_CALM_BYTES = 2_048
_LOOKS_AT_ONCE = 200
_RENDERED_AT_ONCE = 16_384
_BACKLOG_BYTES = 1_048_576
_KEPT_BYTES = 131_072
_LINE_BYTES = 4_096
_FLOOD_SECONDS = 0.03
_ECHOES = 8
_DRAWING_SECONDS = 1.0


class ProgramGone(Exception):
    """The program ended while somebody watched."""


class Watch:
    """Feeds the screen and notes each new reading. Little output is looked at line by line, so that a
    state that was there for a moment only (working, on a quick task) is seen. A flood is gathered and
    rendered in slices, with room for others between them; when more waits than can be kept up with, only
    its end is rendered. `has_skipped` says that since `forget` not everything was looked at. `reply` gets
    what a terminal answers."""

    def __init__(self, screen: Screen, reader: Reader, reply: Callable[[bytes], None]) -> None:
        self.screen = screen
        self.reading = NOTHING_YET
        self._reader = reader
        self._reply = reply
        self._unseen = bytearray()
        self._flush_later: asyncio.Handle | None = None
        self._look_later: asyncio.Handle | None = None
        self._is_ending = self._is_gone = False
        self._loop = asyncio.get_running_loop()
        self._trail: deque[Reading] = deque(maxlen=64)
        self._seen: set[Sight] = set()
        self.has_skipped = False
        self._echoes: deque[Trace] = deque(maxlen=_ECHOES)
        self._news = asyncio.Event()
        self._moved_at = self._looked_at = self._loop.time()

    def feed(self, data: bytes) -> None:
        self._unseen += data
        if len(self._unseen) > _BACKLOG_BYTES:
            self._pass_over()
        if self._flush_later is not None:
            return
        if len(data) <= _CALM_BYTES:
            self._flush()
        else:
            self._flush_later = self._loop.call_later(_FLOOD_SECONDS, self._flush)

    def end(self) -> None:
        """The program is gone; what it said last is looked at before anybody hears of it."""
        self._is_ending = True
        self._pass_over()
        self._flush()
        while self._unseen:
            self._flush()
        self._is_gone = True
        self._news.set()

    def expect(self, echo: Trace) -> None:
        """A prompt is being typed: what it says is no sign of a state wherever the program shows it."""
        self._echoes.append(echo)

    def _pass_over(self) -> None:
        """Leave only the end to render, from the start of a line where there is one."""
        cut = max(len(self._unseen) - _KEPT_BYTES, 0)
        if cut:
            cut = self._unseen.find(b"\n", cut, cut + _LINE_BYTES) + 1 or cut
        self.screen.pass_over(bytes(self._unseen[:cut]))
        del self._unseen[:cut]

    def _flush(self) -> None:
        if self._flush_later is not None:
            self._flush_later.cancel()
            self._flush_later = None
        data = bytes(self._unseen[:_RENDERED_AT_ONCE])
        del self._unseen[:_RENDERED_AT_ONCE]
        looks = 0 if self._unseen else _LOOKS_AT_ONCE
        self.has_skipped |= bool(self._unseen)  # a state may have come and gone in there
        for _ in self.screen.frames(data):
            if looks:
                self._look()
                looks -= 1
        if not looks:
            self._look()
        if replies := self.screen.take_replies():
            self._reply(replies)
        if self._unseen:
            self._flush_later = self._loop.call_soon(self._flush)

    def skip(self) -> None:
        """What changed until now is known; `next` is about what comes."""
        self._trail.clear()

    def forget(self) -> None:
        """Begin a turn: nothing has been seen in it."""
        self.skip()
        self._seen.clear()
        self.has_skipped = False
        self._moved_at = self._loop.time()

    def stir(self) -> None:
        """Somebody else had a hand in it: how long nothing moved counts from now."""
        self._moved_at = self._loop.time()
        self._news.set()

    def sees(self, sight: Sight) -> bool:
        return self.reading.sight is sight

    def has_seen(self, *sights: Sight) -> bool:
        """Whether any of them was there since `forget`, if only for a moment."""
        return not self._seen.isdisjoint(sights)

    @property
    def still_seconds(self) -> float:
        """How long the live region has shown the same text."""
        return self._loop.time() - self._moved_at

    async def next(self, timeout_seconds: float) -> Reading | None:
        """The next change of state not yet taken, or None when none came. Raises ProgramGone."""
        give_up = self._loop.time() + timeout_seconds
        while not self._trail:
            if not await self.moved(give_up - self._loop.time()):
                return None
        return self._trail.popleft()

    async def settled(self, seconds: float) -> Reading:
        """The latest reading, once its state has stood for so long. Raises ProgramGone."""
        while await self.next(seconds) is not None:
            continue
        return self.reading

    async def moved(self, timeout_seconds: float) -> bool:
        """Wait until anything moves on the screen. Raises ProgramGone."""
        if self._is_gone:
            raise ProgramGone
        self._news.clear()
        try:
            async with asyncio.timeout(max(timeout_seconds, 0)):
                await self._news.wait()
        except TimeoutError:
            return False
        if self._is_gone:
            raise ProgramGone
        return True

    async def while_showing(self, reading: Reading, work: Awaitable[T]) -> T | None:
        """What `work` yields, or None once the screen shows another state. Raises ProgramGone."""
        task = asyncio.ensure_future(work)
        task.add_done_callback(lambda _: self._news.set())
        try:
            while not task.done() and self.reading.means_the_same(reading):
                await self.moved(60)
            return task.result() if task.done() and self.reading.means_the_same(reading) else None
        finally:
            task.cancel()

    def _stop_look_later(self) -> None:
        if self._look_later is not None:
            self._look_later.cancel()
            self._look_later = None

    def _look(self) -> None:
        """A picture half drawn is looked at when it is done, or after a while: not every program ends one."""
        self._stop_look_later()
        now = self._loop.time()
        if self.screen.is_drawing and now - self._looked_at < _DRAWING_SECONDS and not self._is_ending:
            self._look_later = self._loop.call_later(_DRAWING_SECONDS, self._look)
            return
        self._looked_at = now
        reading = self._reader.read(self.screen, self._echoes)
        if reading.text != self.reading.text:
            self._moved_at = now
            self._news.set()
        if not reading.means_the_same(self.reading):
            self._trail.append(reading)
            self._news.set()
        self._seen.add(reading.sight)
        self.reading = reading
