"""The worker's side of attaching: whose keys reach the program, and for how long."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros.engine.fake import FakeBus
from kyros.fleet.fake import FakeRecording
from kyros.fleet.model.attach import (
    Held,
    Keys,
    Touch,
    Window,
    answers_of,
    read,
    touches_of,
    written,
)
from kyros.fleet.service import Attending


@dataclass
class Terminal:
    """A session whose keyboard remembers what it felt."""

    felt: list[object] = field(default_factory=list)

    @property
    def keyboard(self) -> "Terminal":
        return self

    def type(self, keys: bytes) -> None:
        self.felt.append(keys)

    def resize(self, columns: int, rows: int) -> None:
        self.felt.append((columns, rows))

    def hold(self, held: bool) -> None:
        self.felt.append(held)


class Desk:
    def __init__(self) -> None:
        self.bus = FakeBus()
        self.terminal = Terminal()
        self.recording = FakeRecording()

    async def feel(self, *touches: Touch) -> None:
        for touch in touches:
            self.bus.publish(touches_of("run_1"), written(touch))
        for _ in range(20):
            await asyncio.sleep(0)

    async def attend(self, stack: AsyncExitStack, held_seconds: float = 60) -> None:
        attending = Attending(self.bus, held_seconds)
        await stack.enter_async_context(attending.at("run_1", self.terminal, self.recording))  # type: ignore[arg-type]
        await self.feel()


async def test_keys_go_through_only_while_it_is_held() -> None:
    desk = Desk()
    async with AsyncExitStack() as stack:
        await desk.attend(stack)
        await desk.feel(Keys("ann/1", b"lost"), Window("ann/1", 80, 24))
        await desk.feel(
            Held("ann/1", "ann"),
            Keys("ann/1", b"a\x00\xff"),
            Window("ann/1", 80, 24),
            Held("ann/1", None),
            Keys("ann/1", b"lost"),
        )
    assert desk.terminal.felt == [True, b"a\x00\xff", (80, 24), (120, 40), False]
    assert desk.recording.marks == ["ann took the keyboard", "ann gave the keyboard back"]
    assert desk.recording.sizes == [(80, 24), (120, 40)]


async def test_only_whoever_took_it_last_is_felt() -> None:
    """Two windows of one person are two pairs of hands."""
    desk = Desk()
    async with AsyncExitStack() as stack:
        await desk.attend(stack)
        await desk.feel(Held("ann/1", "ann"), Held("ann/2", "ann"))
        await desk.feel(Keys("ann/1", b"stale"), Window("ann/1", 90, 30), Held("ann/1", None))
        await desk.feel(Keys("ann/2", b"hers"))
    assert desk.terminal.felt == [True, True, b"hers", False]


async def test_a_window_said_again_is_the_same_window() -> None:
    desk = Desk()
    async with AsyncExitStack() as stack:
        await desk.attend(stack)
        await desk.feel(Held("ann/1", "ann"), *[Window("ann/1", 80, 24)] * 3)
    assert desk.recording.sizes == [(80, 24), (120, 40)]


async def test_who_asks_hears_that_a_terminal_is_there() -> None:
    desk = Desk()
    async with AsyncExitStack() as stack:
        answers = await stack.enter_async_context(desk.bus.subscribe(answers_of("run_1")))
        await desk.attend(stack)
        await desk.feel(Held("ann/1", "ann"))
        async with asyncio.timeout(5):
            assert await anext(answers) == b""


async def test_it_is_given_back_when_nobody_says_any_more_that_it_is_held() -> None:
    desk = Desk()
    async with AsyncExitStack() as stack:
        await desk.attend(stack, held_seconds=0.05)
        await desk.feel(Held("ann/1", "ann"))
        async with asyncio.timeout(5):
            while desk.terminal.felt[-1] is not False:
                await asyncio.sleep(0.01)
        await desk.feel(Keys("ann/1", b"late"))
    assert b"late" not in desk.terminal.felt


async def test_the_end_of_the_work_gives_it_back() -> None:
    desk = Desk()
    async with AsyncExitStack() as stack:
        await desk.attend(stack)
        await desk.feel(Held("ann/1", "ann"))
    await desk.feel(Keys("ann/1", b"late"))
    assert desk.terminal.felt == [True, False]


async def test_junk_on_the_bus_is_passed_over() -> None:
    desk = Desk()
    async with AsyncExitStack() as stack:
        await desk.attend(stack)
        desk.bus.publish(touches_of("run_1"), b"\xff{")
        await desk.feel(Held("ann/1", "ann"), Keys("ann/1", b"x"))
    assert desk.terminal.felt[:2] == [True, b"x"]


@pytest.mark.parametrize(
    "touch",
    [Held("ann/1", "ann"), Held("ann/1", None), Keys("ann/1", b"\x00\x1b[A\xff"), Window("ann/1", 2, 300)],
    ids=lambda one: type(one).__name__,
)
def test_what_is_written_is_read(touch: Touch) -> None:
    assert read(written(touch)) == touch


def test_a_window_is_never_larger_than_a_terminal_may_be() -> None:
    assert read(b'{"hands": "ann/1", "window": [100000, 100000]}') == Window("ann/1", 500, 300)
    assert read(b'{"hands": "ann/1", "window": [0, 5]}') is None


@given(st.binary(max_size=200))
def test_nothing_on_the_bus_breaks_the_reader(message: bytes) -> None:
    read(message)
