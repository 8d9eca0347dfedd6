"""The real application on a port, in a thread and an event loop of its own."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn

from tests.integration.hostile.rooms import Rooms, open_rooms


async def _bare(rooms: Rooms) -> None:
    return None


class Served:
    """Serves from here to `close`. `furnished` is what `furnish` made of the rooms before."""

    def __init__(self, home: Path, furnish: Callable[[Rooms], Awaitable[Any]] = _bare) -> None:
        self._home, self._furnish = home, furnish
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="served")
        self._thread.start()
        assert self._ready.wait(60), "the application did not come up"

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(60)

    async def _serve(self) -> None:
        async with open_rooms(self._home) as rooms:
            self.document: dict[str, Any] = rooms.app.openapi()
            self.token = rooms.token
            self.furnished = await self._furnish(rooms)
            listening = socket.create_server(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            config = uvicorn.Config(rooms.app, log_config=None, lifespan="off", ws="none")
            self._server = uvicorn.Server(config)
            self._ready.set()
            await self._server.serve(sockets=[listening])
            listening.close()
