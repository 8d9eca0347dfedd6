"""What every bus promises, asked of the fake, of two processes' ends, and of a process alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from kyros.engine.adapters.embedded.bus import ClientBus, HubBus
from kyros.engine.fake import FakeBus
from kyros.engine.ports import Bus

PATIENCE_SECONDS = 20
Ends = tuple[Bus, Bus]


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The server runs on uvloop, whose transports are not asyncio's."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(
    params=["fake", "hub to client", "client to hub", "client to client", "hub alone", "client alone"]
)
async def ends(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ends]:
    """One end publishes, the other listens."""
    async with AsyncExitStack() as stack:
        yield await _ends(request.param, tmp_path, stack)


async def _ends(kind: str, home: Path, stack: AsyncExitStack) -> Ends:
    if kind == "fake":
        bus = FakeBus()
        return bus, bus
    if kind == "client alone":
        alone = await stack.enter_async_context(ClientBus(home))
        return alone, alone
    hub = await stack.enter_async_context(HubBus(home))
    if kind == "hub alone":
        return hub, hub
    one = await stack.enter_async_context(ClientBus(home))
    other = await stack.enter_async_context(ClientBus(home))
    await _acquainted(hub, one, other)
    return {"hub to client": (hub, one), "client to hub": (one, hub)}.get(kind, (one, other))


async def test_waiting_can_be_cut_short_and_begun_again(ends: Ends) -> None:
    here, there = ends
    async with there.subscribe("a") as messages:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await anext(messages)
        here.publish("a", b"x")
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await anext(messages) == b"x"


async def _acquainted(hub: Bus, *clients: Bus) -> None:
    """Connected is when a message arrives."""
    for client in clients:
        async with hub.subscribe("hello") as heard:
            client.publish("hello", b"")
            await _next(heard)


async def _next(messages: AsyncIterator[bytes]) -> bytes:
    return await asyncio.wait_for(anext(messages), PATIENCE_SECONDS)


async def _collect(messages: AsyncIterator[bytes], count: int) -> list[bytes]:
    return [await _next(messages) for _ in range(count)]


async def test_messages_of_a_topic_arrive_in_order(ends: Ends) -> None:
    sender, receiver = ends
    async with receiver.subscribe("run_1") as messages:
        for n in range(200):
            sender.publish("run_1", b"%d" % n)
        assert await _collect(messages, 200) == [b"%d" % n for n in range(200)]


async def test_other_topics_are_not_heard(ends: Ends) -> None:
    sender, receiver = ends
    async with receiver.subscribe("run_1") as messages:
        for topic in ("run_10", "run", "Run_1", ""):
            sender.publish(topic, b"no")
        sender.publish("run_1", b"yes")
        assert await _next(messages) == b"yes"


async def test_a_star_at_the_end_matches_a_prefix(ends: Ends) -> None:
    sender, receiver = ends
    async with receiver.subscribe("bytes/*") as messages, receiver.subscribe("*") as everything:
        for topic in ("bytes", "bytes/run_1", "nudge", "bytes/run_2"):
            sender.publish(topic, topic.encode())
        assert await _collect(messages, 2) == [b"bytes/run_1", b"bytes/run_2"]
        assert len(await _collect(everything, 4)) == 4


async def test_every_subscriber_hears_every_message_once(ends: Ends) -> None:
    sender, receiver = ends
    async with receiver.subscribe("t") as one, receiver.subscribe("t") as two, sender.subscribe("t") as own:
        sender.publish("t", b"1")
        sender.publish("t", b"2")
        for messages in (one, two, own):
            assert await _collect(messages, 2) == [b"1", b"2"]


async def test_only_what_is_published_after_entry_is_heard(ends: Ends) -> None:
    sender, receiver = ends
    async with receiver.subscribe("t") as early:
        sender.publish("t", b"before")
        assert await _next(early) == b"before"
    async with receiver.subscribe("t") as messages:
        sender.publish("t", b"after")
        assert await _next(messages) == b"after"


async def test_bytes_arrive_as_they_are(ends: Ends) -> None:
    sender, receiver = ends
    payloads = [b"", b"\x00\xff\r\n\x1b[31m", bytes(range(256)) * 4000]
    async with receiver.subscribe("größe ✓") as messages:
        for payload in payloads:
            sender.publish("größe ✓", payload)
        assert await _collect(messages, 3) == payloads


async def test_publishing_to_nobody_is_fine(ends: Ends) -> None:
    for bus in ends:
        bus.publish("nobody", b"x" * 100_000)


async def test_a_subscriber_that_does_not_read_harms_nobody(ends: Ends) -> None:
    sender, receiver = ends
    async with receiver.subscribe("t"), receiver.subscribe("t") as reader:
        for n in range(400):
            sender.publish("t", b"%06d" % n + bytes(64_000))
            assert (await _next(reader))[:6] == b"%06d" % n
