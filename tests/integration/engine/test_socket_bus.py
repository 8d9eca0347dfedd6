"""The socket under the bus: left behind, missing, too long, misused, and peers that do not read."""

import asyncio
import os
import socket
import stat
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from kyros.engine.adapters.embedded import bus as socket_bus
from kyros.engine.adapters.embedded.bus import ClientBus, HubBus
from kyros.engine.adapters.embedded.place import socket_path
from kyros.engine.errors import BusPlaceUnsafe, BusTaken
from kyros.engine.ports import Bus

PATIENCE_SECONDS = 20

HUB = """
import asyncio, sys
from pathlib import Path
from kyros.engine.adapters.embedded.bus import HubBus

async def main():
    async with HubBus(Path(sys.argv[1])) as bus:
        print("listens", flush=True)
        while True:
            bus.publish("tick", b"from the child")
            await asyncio.sleep(0.02)

asyncio.run(main())
"""


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The server runs on uvloop, whose transports are not asyncio's."""
    return "asyncio", {"use_uvloop": request.param}


async def _next(messages: AsyncIterator[bytes]) -> bytes:
    return await asyncio.wait_for(anext(messages), PATIENCE_SECONDS)


async def _say_until_heard(speaker: Bus, listener: Bus) -> None:
    """Connected is when a message arrives."""
    async with asyncio.timeout(PATIENCE_SECONDS), listener.subscribe("hello") as heard:
        arrived = asyncio.ensure_future(anext(heard))
        while not arrived.done():
            speaker.publish("hello", b"")
            await asyncio.wait({arrived}, timeout=0.02)


async def _say_and_be_cut_off(home: Path, said: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(str(socket_path(home)))
    writer.write(said)
    with suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()


def test_the_socket_is_for_its_owner_alone(tmp_path: Path) -> None:
    async def look() -> None:
        async with HubBus(tmp_path):
            path = socket_path(tmp_path)
            assert path == tmp_path / "run" / "bus.sock"
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    asyncio.run(look())
    assert not socket_path(tmp_path).exists()


async def test_a_killed_servers_socket_is_replaced_and_clients_find_the_new_one(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", HUB, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert (await asyncio.to_thread(child.stdout.readline)).strip() == "listens"
        async with ClientBus(tmp_path) as client, client.subscribe("tick") as ticks:
            assert await _next(ticks) == b"from the child"
            child.kill()
            child.wait()
            assert socket_path(tmp_path).exists()
            async with HubBus(tmp_path) as hub:
                await _say_until_heard(hub, client)
                await _say_until_heard(client, hub)
    finally:
        child.kill()
        child.communicate()


async def test_a_second_server_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with HubBus(tmp_path) as hub:
        with pytest.raises(BusTaken, match="already listens"):
            await HubBus(tmp_path).__aenter__()
        async with ClientBus(tmp_path) as client:
            await _say_until_heard(client, hub)


async def test_a_client_that_came_first_connects_when_the_server_comes(tmp_path: Path) -> None:
    async with ClientBus(tmp_path) as client, client.subscribe("t") as messages:
        client.publish("t", b"alone")
        assert await _next(messages) == b"alone"
        async with HubBus(tmp_path) as hub:
            await _say_until_heard(hub, client)


async def test_a_home_with_a_long_path_uses_the_temporary_folder(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 40)
    home.mkdir()
    path = socket_path(home)
    assert len(os.fsencode(path)) <= 103
    async with HubBus(home) as hub, ClientBus(home) as client:
        await _say_until_heard(client, hub)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.parent.rmdir()


async def test_a_folder_that_is_a_link_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BusPlaceUnsafe):
        await HubBus(tmp_path).__aenter__()


async def test_a_peer_of_another_user_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with HubBus(tmp_path) as hub, hub.subscribe("*") as messages:
        mine = os.getuid()
        monkeypatch.setattr(socket_bus.os, "getuid", lambda: mine + 1)
        await _say_and_be_cut_off(tmp_path, struct.pack("!IH", 3, 1) + b"t")
        monkeypatch.undo()
        hub.publish("own", b"own")
        assert await _next(messages) == b"own"


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("!IH", 0, 0),
        struct.pack("!IH", 5, 9),
        struct.pack("!IH", 2**31, 1),
    ],
    ids=["http", "no length", "topic longer than frame", "huge"],
)
async def test_a_peer_that_talks_nonsense_is_cut_off_alone(tmp_path: Path, junk: bytes) -> None:
    async with HubBus(tmp_path) as hub, ClientBus(tmp_path) as client:
        await _say_until_heard(client, hub)
        await _say_and_be_cut_off(tmp_path, junk)
        await _say_until_heard(client, hub)


async def test_a_frame_that_comes_byte_by_byte_is_understood(tmp_path: Path) -> None:
    async with HubBus(tmp_path) as hub, hub.subscribe("to") as messages:
        _, writer = await asyncio.open_unix_connection(str(socket_path(tmp_path)))
        for byte in struct.pack("!IH", 2 + 2 + 3, 2) + b"toabc":
            writer.write(bytes([byte]))
            await asyncio.sleep(0.001)
        assert await _next(messages) == b"abc"
        writer.close()


async def test_a_peer_that_does_not_read_is_cut_off_and_the_others_hear_all(tmp_path: Path) -> None:
    async with HubBus(tmp_path) as hub, ClientBus(tmp_path) as client, client.subscribe("t") as messages:
        await _say_until_heard(hub, client)
        deaf = socket.socket(socket.AF_UNIX)
        deaf.connect(str(socket_path(tmp_path)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(hub._peers) < 2:
                await asyncio.sleep(0.01)
        for n in range(400):
            hub.publish("t", b"%03d" % n + bytes(64_000))
            assert (await _next(messages))[:3] == b"%03d" % n
        assert len(hub._peers) == 1
        deaf.close()


async def test_a_message_beyond_the_limit_is_heard_at_home_and_dropped_elsewhere(tmp_path: Path) -> None:
    async with HubBus(tmp_path) as hub, ClientBus(tmp_path) as client:
        await _say_until_heard(client, hub)
        async with hub.subscribe("t") as far, client.subscribe("t") as near:
            client.publish("t", bytes(socket_bus.FRAME_LIMIT))
            client.publish("t", b"small")
            assert len(await _next(near)) == socket_bus.FRAME_LIMIT
            assert await _next(far) == b"small"
