"""Clients that write to a Kyros which dies again and again, and a reader of its tail: what each was told."""

import json
import random
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

PATIENCE_SECONDS = 60
TURNED_AWAY = (503, 504)
"""Answers that leave it open whether the work is done: the database was closing, or never said."""
WAYS = {
    "queued": ("claimed", "cancelled"),
    "claimed": ("in_progress", "queued"),
    "in_progress": ("review", "blocked"),
    "review": ("in_progress", "queued"),
    "blocked": ("queued",),
    "cancelled": ("queued",),
}
RESOURCES = [
    "tower",
    "bridge",
    "task:T-1",
    "task:T-2",
    "path:app/src/**",
    "path:app/src/*.py",
    "branch:app/x",
]


class NobodyThere(OSError):
    """No connection: whatever was to be sent was not."""


class Place:
    """Where the Kyros is just now, and what the crowd has been told by it."""

    def __init__(self) -> None:
        self.url = ""
        self.over = False
        self.acknowledged = 0
        self.told = threading.Condition()

    def moved_to(self, url: str) -> None:
        with self.told:
            self.url = url
            self.told.notify_all()

    def acknowledge(self) -> None:
        with self.told:
            self.acknowledged += 1
            self.told.notify_all()

    def end(self) -> None:
        with self.told:
            self.over = True
            self.told.notify_all()

    def wait_for(self, more: int) -> bool:
        """Until so many more writes were acknowledged."""
        with self.told:
            goal = self.acknowledged + more
            return self.told.wait_for(lambda: self.acknowledged >= goal, PATIENCE_SECONDS)

    def pause(self, seconds: float) -> None:
        """Before looking again; shorter when something changed."""
        with self.told:
            self.told.wait(seconds)


@dataclass
class Deed:
    """One write that somebody sent. `mark` stands in its event and in no other's. `status` is None while
    nobody knows what became of it."""

    kind: str
    mark: Any
    path: str
    status: int | None = None
    answer: Any = None

    @property
    def is_done(self) -> bool:
        return self.status is not None and self.status < 300

    @property
    def is_refused(self) -> bool:
        return self.status is not None and self.status >= 300


class Hand(threading.Thread):
    """One agent at work until the place is over: every write under a key of its own; what was cut off is
    sent again, or never heard of."""

    def __init__(self, place: Place, name: str, number: int, token: str, seed: int) -> None:
        super().__init__(name=name, daemon=True)
        self.place, self.number = place, number
        self.random = random.Random(f"{seed} {name}")
        self.token = token
        self.deeds: list[Deed] = []
        self.mine: list[str] = []
        self.locks: list[str] = []
        self.trouble: BaseException | None = None
        self.connection: HTTPConnection | None = None

    def run(self) -> None:
        doing: list[Callable[[], None]] = [self.create, self.report, self.acquire, self.release]
        doing += [self.patch, self.move] * 3
        try:
            while not self.place.over:
                self.random.choice(doing)()
        except BaseException as trouble:
            self.trouble = trouble
        finally:
            self._hang_up()

    def create(self) -> None:
        deed = self.send("create", f"{self.name}-{len(self.deeds)}", "/api/collab/tasks", lambda mark: {
            "title": mark, "project_id": "app",
        })  # fmt: skip
        if deed.is_done:
            self.mine.append(deed.answer["id"])

    def patch(self) -> None:
        task = self.some_task()
        if task is not None:
            mark = self.number * 100_000 + len(self.deeds) + 1
            path, tag = f"/api/collab/tasks/{task['id']}", {"If-Match": task["etag"]}
            self.send("patch", mark, path, lambda mark: {"estimate_minutes": mark}, "PATCH", tag)

    def move(self) -> None:
        task = self.some_task()
        if task is not None:
            to, path = self.random.choice(WAYS[task["status"]]), f"/api/collab/tasks/{task['id']}/transition"
            mark = f"{self.name}-{len(self.deeds)}"
            self.send("move", mark, path, lambda mark: {"to": to, "note": mark})

    def report(self) -> None:
        mark = f"{self.name}-{len(self.deeds)}"
        self.send("report", mark, "/api/collab/events", lambda mark: {"event": "note_taken", "target": mark})

    def acquire(self) -> None:
        wanted = self.random.sample(RESOURCES, self.random.choice([1, 1, 2]))
        body = {"resources": wanted, "ttl_seconds": self.random.choice([1, 3, 60])}
        deed = self.send("acquire", wanted, "/api/collab/leases/acquire", lambda _: body)
        if deed.is_done:
            self.locks.append(deed.answer["lock_id"])

    def release(self) -> None:
        if self.locks:
            lock_id = self.locks.pop(self.random.randrange(len(self.locks)))
            self.send("release", lock_id, f"/api/collab/leases/{lock_id}/release", lambda _: None)

    def some_task(self) -> dict[str, Any] | None:
        """One of the shared ones, or of its own; None when nobody answers."""
        task_id = self.random.choice([f"T-{self.random.randint(1, 4)}", *self.mine[-3:]])
        try:
            status, task = self._ask("GET", f"/api/collab/tasks/{task_id}", None, {})
        except (OSError, HTTPException):
            self.place.pause(0.2)
            return None
        assert status == 200 or status in TURNED_AWAY, (status, task)
        return dict(task) if status == 200 else None

    def send(
        self,
        kind: str,
        mark: Any,
        path: str,
        body: Callable[[Any], Any],
        method: str = "POST",
        headers: dict[str, str] | None = None,
    ) -> Deed:
        key = {"Idempotency-Key": f"key-{len(self.deeds)}"}
        deed = Deed(kind, mark, path)
        self.deeds.append(deed)
        while True:
            try:
                status, answer = self._ask(method, path, body(mark), key | (headers or {}))
            except NobodyThere:
                self.place.pause(0.2)
                if not self.place.over:
                    continue
                return deed
            except (OSError, HTTPException):
                status = None
            if status is not None and status not in TURNED_AWAY:
                assert status in (200, 201, 403, 404, 409, 412), (deed, status, answer)
                deed.status, deed.answer = status, answer
                self.place.acknowledge()
                return deed
            if self.place.over or self.random.random() < 0.4:
                return deed
            self.place.pause(0.1)

    def _ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        netloc = urlsplit(self.place.url).netloc
        if self.connection is None or f"{self.connection.host}:{self.connection.port}" != netloc:
            self._hang_up()
            self.connection = HTTPConnection(netloc, timeout=PATIENCE_SECONDS)
            self._connect(self.connection)
        text = None if body is None else json.dumps(body)
        typed = {} if body is None else {"Content-Type": "application/json"}
        try:
            self.connection.request(
                method, path, text, {"Authorization": f"Bearer {self.token}"} | typed | headers
            )
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, HTTPException):
            self._hang_up()
            raise

    def _connect(self, connection: HTTPConnection) -> None:
        try:
            connection.connect()
        except OSError as error:
            self._hang_up()
            raise NobodyThere from error

    def _hang_up(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Tail(threading.Thread):
    """Reads the tail from the first event on, and goes on by Last-Event-ID whenever it breaks off."""

    def __init__(self, place: Place, token: str) -> None:
        super().__init__(name="tail", daemon=True)
        self.place, self.token = place, token
        self.last = "0"
        self.seen: list[int] = []
        self.breaks = 0
        self.trouble: BaseException | None = None
        self.stopped = False
        self.socket: socket.socket | None = None

    def run(self) -> None:
        try:
            while not self.stopped:
                try:
                    self._read()
                except (OSError, HTTPException):
                    self.place.pause(0.2)
                self.breaks += 1
        except BaseException as trouble:
            self.trouble = trouble

    def stop(self) -> None:
        """Wherever it waits."""
        self.stopped = True
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        self.connection = HTTPConnection(urlsplit(self.place.url).netloc, timeout=PATIENCE_SECONDS)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Last-Event-ID": self.last}
            self.connection.request("GET", "/api/collab/events/tail", headers=headers)
            self.socket = self.connection.sock
            answer = self.connection.getresponse()
            if answer.status in TURNED_AWAY:
                raise HTTPException
            assert answer.status == 200, answer.read()
            message: dict[str, str] = {}
            while line := answer.readline():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    message[name] = value
                else:
                    self._take(message)
                    message = {}
        finally:
            self.connection.close()

    def _take(self, message: dict[str, str]) -> None:
        assert message.get("event") != "reset", "the log has forgotten where we were"
        if "data" in message:
            assert json.loads(message["data"])["id"] == int(message["id"])
            self.seen.append(int(message["id"]))
            with self.place.told:
                self.place.told.notify_all()
        self.last = message.get("id", self.last)
