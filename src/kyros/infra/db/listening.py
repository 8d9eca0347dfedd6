"""Hears what other processes committed: LISTEN on a connection of its own, for as long as it is open."""

import asyncio
import selectors
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from kyros.infra.db.verbs import Listener
from kyros.infra.telemetry import get_log

CHANNEL = "kyros"
_AGAIN_SECONDS = 1.0


class Listening:
    """Tells `listener` on the event loop that used the database last. What this process's own writer (the
    one with `own_pid`) committed was told already."""

    def __init__(
        self,
        connect: "Callable[[], psycopg.Connection[Any]]",
        own_pid: Callable[[], int | None],
        listener: Listener,
    ) -> None:
        self._connect, self._own_pid, self._listener = connect, own_pid, listener
        self._loop: asyncio.AbstractEventLoop | None = None
        self._known: set[str] = set()
        self._ending, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._listen_forever, name="db-listen", daemon=True)
        self._thread.start()

    def tell_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def close(self) -> None:
        """At once. Closing twice is fine."""
        self._end.close()
        self._thread.join()
        self._ending.close()

    def _listen_forever(self) -> None:
        ended = False
        while not ended:
            try:
                with self._connect() as session:
                    session.execute(f"LISTEN {CHANNEL}")
                    self._tell(self._known)  # what was committed while nobody listened
                    self._hear(session)
                ended = True
            except (psycopg.Error, OSError) as error:
                get_log("kyros.infra").warning("the database is not heard", error=str(error))
                ended = self._wait(_AGAIN_SECONDS)

    def _hear(self, session: "psycopg.Connection[Any]") -> None:
        """Until the end, or until the connection is lost."""
        while True:
            heard = list(session.notifies(timeout=0))
            self._known |= {one.payload for one in heard}
            self._tell({one.payload for one in heard if one.pid != self._own_pid()})
            if self._wait(None, session):
                return

    def _wait(self, seconds: float | None, *also: "psycopg.Connection[Any]") -> bool:
        """Until the end (true), until one of `also` has something to say, or until the time is up."""
        with selectors.DefaultSelector() as selector:
            for number in (self._ending.fileno(), *(one.fileno() for one in also)):
                selector.register(number, selectors.EVENT_READ)
            return any(key.fd == self._ending.fileno() for key, _ in selector.select(seconds))

    def _tell(self, topics: set[str]) -> None:
        if topics and self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                self._loop.call_soon_threadsafe(self._listener, frozenset(topics))
