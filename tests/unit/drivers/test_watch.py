"""Watching a screen: floods are bounded, short moments are seen, recordings go through their states."""

import asyncio

import pytest

from kyros.drivers.adapters.profiles import load_profiles
from kyros.drivers.adapters.terminal.prompt import Trace
from kyros.drivers.adapters.terminal.screen import Screen
from kyros.drivers.adapters.terminal.signals import Reader, Reading, Sight
from kyros.drivers.adapters.terminal.watch import Watch
from kyros.drivers.model import TerminalSignals
from tests.unit.drivers.conftest import Cast

SIGNALS = TerminalSignals(ready=r"^ready>\Z", busy=r"^working\Z", approval=None)
AT_ONCE = 16_384
MEGABYTE = 1_048_576


class CountingScreen(Screen):
    """Counts what is rendered: bytes for each time it is asked to."""

    def __init__(self) -> None:
        super().__init__(120, 40)
        self.rendered: list[int] = []

    def frames(self, data: bytes):  # type: ignore[no-untyped-def]
        self.rendered.append(len(data))
        return super().frames(data)


class CountingReader(Reader):
    def __init__(self) -> None:
        super().__init__(SIGNALS)
        self.looks = 0

    def read(self, screen: Screen, echoes=()) -> Reading:  # type: ignore[no-untyped-def]
        self.looks += 1
        return super().read(screen, echoes)


class Rig:
    def __init__(self) -> None:
        self.screen, self.reader, self.replies = CountingScreen(), CountingReader(), list[bytes]()
        self.watch = Watch(self.screen, self.reader, self.replies.append)

    async def sees(self, sight: Sight) -> None:
        async with asyncio.timeout(60):
            while not self.watch.sees(sight):
                await asyncio.sleep(0.01)


FLOODS = {
    "without a newline": b"x" * 10 * MEGABYTE,
    "of NULs": b"\x00" * 10 * MEGABYTE,
    "of lines of 300 KB": (b"y" * 300_000 + b"\r\n") * 35,
    "of newlines": b"\n" * 3 * MEGABYTE,
    "of wide signs": "漢".encode() * MEGABYTE,
    "of marks": b"a" + "\u0301".encode() * MEGABYTE,
    "of colours": b"\x1b[31mx\x1b[0m" * MEGABYTE,
    "of queries": b"\x1b[6n" * MEGABYTE,
    "of a title that does not end": b"\x1b]0;" + b"t" * 10 * MEGABYTE + b"\x07",
    "of random controls": bytes(range(32)) * 100_000 + b"\x18",
}


@pytest.mark.parametrize("name", sorted(FLOODS))
@pytest.mark.parametrize("size", [65_536, 100 * MEGABYTE])
async def test_a_flood_is_bounded_work_and_its_end_is_seen(name: str, size: int) -> None:
    rig = Rig()
    flood = FLOODS[name] + b"\r\nready> "
    for at in range(0, len(flood), size):
        before = len(rig.screen.rendered)
        rig.watch.feed(flood[at : at + size])
        assert sum(rig.screen.rendered[before:]) <= AT_ONCE
    await rig.sees(Sight.READY)
    assert max(rig.screen.rendered) <= AT_ONCE
    assert sum(rig.screen.rendered) <= MEGABYTE + AT_ONCE
    assert rig.reader.looks <= len(rig.screen.rendered) + 200
    assert max(map(len, rig.replies), default=0) < 70_000


async def test_others_have_their_turn_while_a_flood_is_rendered() -> None:
    rig = Rig()
    rig.watch.feed(b"line of text\r\n" * 60_000 + b"ready> ")
    slices: set[int] = set()
    async with asyncio.timeout(60):
        while not rig.watch.sees(Sight.READY):
            slices.add(len(rig.screen.rendered))
            await asyncio.sleep(0)
    assert len(slices) >= 60_000 * 14 // AT_ONCE


async def test_modes_and_titles_within_a_flood_count() -> None:
    rig = Rig()
    rig.watch.feed(b"\x1b[?2004h\x1b]0;title\x07" + b"x" * 10 * MEGABYTE + b"\r\nready> ")
    await rig.sees(Sight.READY)
    assert (rig.screen.takes_pastes, rig.screen.title) == (True, "title")


async def test_a_picture_of_some_hundred_kilobytes_is_rendered_whole() -> None:
    rig = Rig()
    rows = b"".join(b"\x1b[%d;1H\x1b[38;2;1;2;%dmrow %d" % (row, row, row) for row in range(1, 41))
    rig.watch.feed(rows + b"\x1b[41;1H\x1b[38;2;1;2;3m\x1b[m" * 10_000 + b"\r\x1b[2Kready> ")
    await rig.sees(Sight.READY)
    assert rig.screen.display()[:39] == [f"row {row}" for row in range(1, 40)]


async def test_a_moment_within_one_read_is_seen() -> None:
    rig = Rig()
    rig.watch.feed(b"ready> \r\x1b[2Kworking\r\n\r\x1b[2Kdone\r\nready> ")
    assert rig.watch.has_seen(Sight.BUSY)
    assert rig.watch.sees(Sight.READY)


async def test_what_a_program_said_last_is_seen_when_it_is_gone() -> None:
    rig = Rig()
    rig.watch.feed(b"x" * 3 * MEGABYTE + b"\r\nPlease sign in.\r\n")
    rig.watch.end()
    assert rig.screen.live(1) == "Please sign in."
    assert sum(rig.screen.rendered) <= MEGABYTE


async def test_a_picture_that_is_never_finished_is_looked_at_all_the_same() -> None:
    rig = Rig()
    rig.watch.feed(b"\x1b[?2026hready> ")
    assert not rig.watch.sees(Sight.READY)
    assert (await rig.watch.next(60)) == Reading(Sight.READY, "ready>")


async def test_half_a_picture_is_looked_at_when_the_program_is_gone() -> None:
    rig = Rig()
    rig.watch.feed(b"\x1b[?2026hready> ")
    rig.watch.end()
    assert rig.watch.sees(Sight.READY)


async def test_an_expected_echo_is_no_sign() -> None:
    signals = TerminalSignals(ready=r"^ready>\Z", busy="^working", approval=None)
    watch = Watch(Screen(80, 24), Reader(signals), lambda reply: None)
    watch.expect(Trace("say\nworking", ""))
    watch.feed(b"> say\x1b[2;1Hworking\x1b[4;1HOf course.")
    assert not watch.has_seen(Sight.BUSY)
    watch.feed(b"\x1b[5;1Hworking")
    assert watch.sees(Sight.BUSY)


TURN = [Sight.READY, Sight.BUSY, Sight.DIALOG, Sight.READY]
STATES = {
    "aider": [Sight.DIALOG, *TURN],
    "codex": TURN + TURN[1:],
    "gemini": TURN + TURN[1:],
    "opencode": TURN + TURN[1:],
}


@pytest.mark.parametrize("cast", sorted(STATES), indirect=True)
@pytest.mark.parametrize("size", [101, 4096])
async def test_a_recorded_program_goes_through_its_states(
    cast: Cast, size: int, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["cast"]
    signals = load_profiles().get(name).terminal
    assert signals is not None
    watch = Watch(Screen(cast.columns, cast.rows), Reader(signals), lambda reply: None)
    trail: list[Sight] = []
    for data in (data.encode() for kind, data in cast.entries if kind == "o"):
        for at in range(0, len(data), size):
            watch.feed(data[at : at + size])
            watch._flush()
            while (reading := await watch.next(0)) is not None:
                trail.append(reading.sight)
    wanted = iter(STATES[name])
    left = next(wanted, None)
    for sight in trail:
        if sight is left:
            left = next(wanted, None)
    assert left is None, trail
