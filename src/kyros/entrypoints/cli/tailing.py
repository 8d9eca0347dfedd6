"""The tail of events as the command line follows it: whatever ends, it goes on where it was."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kyros.entrypoints.cli.client import Client, Message
from kyros.entrypoints.cli.failures import Refused, Unreachable
from kyros.kernel.errors import KyrosError

EVENTS = "/api/collab/events"
_SILENCE_SECONDS = 40.0
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 2.0
_PASSING = frozenset({429, 502, 503, 507})


class Tail:
    """Each event once, in order. A server that goes away is waited for, however long; one that was never
    there is Unreachable. `connect` makes a client anew: the server may come back elsewhere. `tell` gets
    sentences for people."""

    def __init__(
        self, connect: Callable[[], Client], wanted: Mapping[str, object], tell: Callable[[str], None]
    ) -> None:
        self._connect, self._wanted, self._tell = connect, wanted, tell
        self._at: int | None = None
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    def events(self) -> Iterator[dict[str, Any]]:
        """Until the caller stops. Raises Refused, Unreachable."""
        while True:
            try:
                yield from self._once()
            except Unreachable as error:
                self._wait(error)
            except Refused as error:
                if error.facts.get("status") not in _PASSING:
                    raise
                self._wait(error)

    def _once(self) -> Iterator[dict[str, Any]]:
        """What one connection brings."""
        client = self._connect()
        try:
            query = {**self._wanted, "after": self._at}
            for message in client.messages(f"{EVENTS}/tail", query, _SILENCE_SECONDS):
                self._pause_seconds = _FIRST_PAUSE_SECONDS
                yield from self._taken(client, message)
        finally:
            client.close()

    def _taken(self, client: Client, message: Message) -> Iterator[dict[str, Any]]:
        number = int(message.id)
        if message.event == "reset":
            yield from self._missed(client, number)
        elif message.data and number > (self._at or 0):
            yield json.loads(message.data)
        self._at = max(self._at or 0, number)

    def _missed(self, client: Client, last: int) -> Iterator[dict[str, Any]]:
        """The stream goes on from `last`; what lies before it and was never seen is read in pages."""
        if (self._at or 0) > last:
            self._tell(f"The log begins anew at event {last}: it is another one than before.")
            self._at = last
        cursor: str | None = str(self._at or 0)
        while cursor is not None and int(cursor) < last:
            page = client.get(EVENTS, **{**self._wanted, "limit": 500, "cursor": cursor})
            for event in page["items"]:
                if event["id"] <= last:
                    self._at = event["id"]
                    yield event
            cursor = page["next_cursor"]

    def _wait(self, error: KyrosError) -> None:
        if self._at is None:
            raise error
        if self._pause_seconds == _FIRST_PAUSE_SECONDS:
            self._tell(f"The server went away ({error.code}): waiting for it.")
        time.sleep(self._pause_seconds)
        self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)
