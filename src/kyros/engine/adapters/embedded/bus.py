"""The embedded bus: the server listens on a socket in the home, the others connect; all hear all.

A frame is the length of what follows (4 bytes, big-endian), the topic's length (2 bytes), topic and
payload. What finds a full queue is dropped and a peer that does not read is cut off: the bus may
forget, the store and the files do not. Every method belongs on the event loop.
"""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Self, cast

from kyros.engine.adapters.embedded.mailboxes import Mailboxes
from kyros.engine.adapters.embedded.place import bind_socket, socket_path
from kyros.infra.telemetry import get_log

FRAME_LIMIT = 8 * 1024 * 1024
_UNREAD_LIMIT = 16 * 1024 * 1024
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 0.02, 1.0
_HEAD = struct.Struct("!IH")
_CREDENTIALS = struct.Struct("3i")


class SocketBus:
    """What both ends share: the Bus port over whatever peers there are, none included."""

    def __init__(self) -> None:
        self._mailboxes = Mailboxes()
        self._peers: set[Peer] = set()
        self._log = get_log("kyros.engine.bus")

    def publish(self, topic: str, payload: bytes) -> None:
        self._mailboxes.deliver(topic, payload)
        name = topic.encode()
        if len(name) + len(payload) + 2 > FRAME_LIMIT:
            self._log.warning("a message was too large for the bus", topic=topic, size_bytes=len(payload))
        elif self._peers:
            self._send(_HEAD.pack(2 + len(name) + len(payload), len(name)) + name + payload, None)

    def subscribe(self, topic: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self._mailboxes.open(topic)

    def _send(self, frame: bytes, but: "Peer | None") -> None:
        for peer in list(self._peers):
            if peer is not but:
                peer.send(frame)

    def joined(self, peer: "Peer") -> None:
        self._peers.add(peer)

    def left(self, peer: "Peer") -> None:
        self._peers.discard(peer)

    def received(self, peer: "Peer", topic: str, payload: bytes, frame: bytes) -> None:
        self._mailboxes.deliver(topic, payload)

    def _drop_peers(self) -> None:
        for peer in list(self._peers):
            peer.drop()


class HubBus(SocketBus):
    """The server's end: `async with HubBus(home)`. Passes each peer's messages on to the others."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._path = socket_path(home)

    async def __aenter__(self) -> Self:
        """Raises BusTaken, BusPlaceUnsafe."""
        bound = bind_socket(self._path)
        self._inode = self._path.stat().st_ino
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: Peer(self), sock=bound)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._drop_peers()
        with suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def received(self, peer: "Peer", topic: str, payload: bytes, frame: bytes) -> None:
        super().received(peer, topic, payload, frame)
        self._send(frame, peer)


class ClientBus(SocketBus):
    """Any other process's end: `async with ClientBus(home)`. Connects, and again whenever it must."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._path = socket_path(home)

    async def __aenter__(self) -> Self:
        """Connected when a server is there; otherwise as soon as one is."""
        tried = asyncio.Event()
        self._connecting = asyncio.create_task(self._stay_connected(tried), name="bus client")
        await tried.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connecting.cancel()
        await asyncio.wait([self._connecting])
        self._drop_peers()

    async def _stay_connected(self, tried: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_RETRY_SECONDS
        while True:
            began = loop.time()
            with suppress(OSError):
                _, peer = await loop.create_unix_connection(lambda: Peer(self), str(self._path))
                tried.set()
                await peer.gone.wait()
            tried.set()
            lasted = loop.time() - began > _LAST_RETRY_SECONDS
            pause = _FIRST_RETRY_SECONDS if lasted else min(pause * 2, _LAST_RETRY_SECONDS)
            await asyncio.sleep(pause)


class Peer(asyncio.Protocol):
    """One connection: frames in, frames out, cut off when it misbehaves or does not read."""

    def __init__(self, bus: SocketBus) -> None:
        self._bus = bus
        self._transport: asyncio.Transport | None = None
        self._unparsed = bytearray()
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not of asyncio's class
        if not _same_user(transport):
            self._transport.abort()
            return
        self._bus.joined(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._bus.left(self)
        self.gone.set()

    def send(self, frame: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > _UNREAD_LIMIT:
            self.drop()
        else:
            self._transport.write(frame)

    def drop(self) -> None:
        self._bus.left(self)
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._unparsed += data
        start = 0
        while len(self._unparsed) - start >= _HEAD.size:
            length, topic_length = _HEAD.unpack_from(self._unparsed, start)
            if not topic_length + 2 <= length <= FRAME_LIMIT:
                self.drop()
                return
            end = start + 4 + length
            if len(self._unparsed) < end:
                break
            self._receive(bytes(self._unparsed[start:end]), topic_length)
            start = end
        del self._unparsed[:start]

    def _receive(self, frame: bytes, topic_length: int) -> None:
        split = _HEAD.size + topic_length
        topic = frame[_HEAD.size : split].decode(errors="replace")
        self._bus.received(self, topic, frame[split:], frame)


def _same_user(transport: asyncio.BaseTransport) -> bool:
    """The kernel's word on who is there; where it gives none, the folder's rights must do."""
    asked = getattr(socket, "SO_PEERCRED", None)
    if asked is None:
        return True
    said = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, asked, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(said)
    return bool(uid == os.getuid())
