"""The server's side of attaching: a keyboard is held for as long as its lease is, and said again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from kyros.collab.errors import LeaseHeld
from kyros.collab.fake import FakeCollabStore
from kyros.collab.service.leases import Leases
from kyros.engine.fake import FakeBus
from kyros.fleet.errors import NoTerminal
from kyros.fleet.model.attach import Held, Keys, Touch, Window, answers_of, read, touches_of
from kyros.fleet.service import Keyboards
from kyros.kernel.errors import Upstream
from tests.stand_ins import Clock, Outbox


class Moody(Leases):
    """Its heartbeats fail while `is_away`, once for each that `tried` counts."""

    is_away = False
    tried = 0

    async def heartbeat(self, holder: str, resources: object) -> None:
        self.tried += 1
        if self.is_away:
            raise Upstream("The database is away.")
        await super().heartbeat(holder, resources)  # type: ignore[arg-type]


@dataclass
class Place:
    keyboards: Keyboards
    leases: Moody
    clock: Clock
    bus: FakeBus
    felt: list[Touch] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    async def worker(self) -> None:
        async with self.bus.subscribe(touches_of("run_1")) as touches:
            async for message in touches:
                touch = read(message)
                assert touch is not None
                self.felt.append(touch)
                if isinstance(touch, Held):
                    self.bus.publish(answers_of("run_1"), b"")

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                await asyncio.sleep(0.001)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    clock, bus = Clock(), FakeBus()
    leases = Moody(FakeCollabStore(Outbox(), clock))
    made = Place(Keyboards(bus, leases, beat_seconds=0.001), leases, clock, bus)
    working = asyncio.create_task(made.worker())
    await asyncio.sleep(0)
    yield made
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working


async def test_what_one_does_bears_the_name_of_their_hands(place: Place) -> None:
    hold = await place.keyboards.take("run_1", "ann", "s1", lambda: None)
    with pytest.raises(LeaseHeld):
        await place.keyboards.take("run_1", "ann", "s2", lambda: None)
    hold.type(b"x")
    await hold.close()
    await place.until(lambda: Held("ann/s1", None) in place.felt)
    assert place.felt[0] == Held("ann/s1", "ann")
    assert Keys("ann/s1", b"x") in place.felt
    again = await place.keyboards.take("run_1", "ann", "s2", lambda: None)
    await again.close()


async def test_without_a_terminal_nothing_is_held(place: Place) -> None:
    with pytest.raises(NoTerminal):
        await place.keyboards.take("run_2", "ann", "s1", lambda: None)
    assert await place.leases.acquire(["keyboard:run_2"], "bob", 5)


async def test_the_window_is_said_again_for_the_program_that_comes_next(place: Place) -> None:
    hold = await place.keyboards.take("run_1", "ann", "s1", lambda: None)
    hold.resize(80, 24)
    await place.until(lambda: place.felt.count(Window("ann/s1", 80, 24)) > 2)
    await hold.close()


async def test_a_beat_that_fails_is_missed_not_the_last(place: Place) -> None:
    hold = await place.keyboards.take("run_1", "ann", "s1", lambda: place.lost.append("ann"))
    place.leases.is_away, before = True, place.leases.tried
    await place.until(lambda: place.leases.tried > before + 2)
    place.leases.is_away = False
    said = place.felt.count(Held("ann/s1", "ann"))
    await place.until(lambda: place.felt.count(Held("ann/s1", "ann")) > said)
    assert place.lost == []
    await hold.close()


async def test_one_that_cannot_be_kept_any_more_is_lost_and_its_holder_told(place: Place) -> None:
    keyboards = Keyboards(place.bus, place.leases, held_seconds=1, beat_seconds=0.3)
    hold = await keyboards.take("run_1", "ann", "s1", lambda: place.lost.append("ann"))
    place.leases.is_away = True
    await place.until(lambda: place.lost == ["ann"])
    await hold.close()


async def test_one_that_another_took_is_lost(place: Place) -> None:
    hold = await place.keyboards.take("run_1", "ann", "s1", lambda: place.lost.append("ann"))
    await place.leases.release("ann/s1", ["keyboard:run_1"])
    await place.leases.acquire(["keyboard:run_1"], "bob/s9", 60)
    await place.until(lambda: place.lost == ["ann"])
    await hold.close()
