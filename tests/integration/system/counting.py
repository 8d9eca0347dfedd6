"""A process that counts in a task: reads it, adds one, writes on the version it read, tries again when stale.

`python -m tests.integration.system.counting http URL TOKEN TIMES` or `… files|rows PLACE FOLDER TIMES`.
It prints how often it was refused as stale.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TASK = "T-1"
LONGEST_SECONDS = 0.2


def jitter() -> Iterator[float]:
    """Pauses: full jitter, their longest doubling."""
    longest = 0.02
    while True:
        yield random.uniform(0, longest)
        longest = min(longest * 2, LONGEST_SECONDS)


def over_http(url: str, token: str, times: int) -> int:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    path, key = f"/api/collab/tasks/{TASK}", {"Authorization": f"Bearer {token}"}

    def ask(method: str, body: str | None = None, **headers: str) -> tuple[int, bytes]:
        connection.request(method, path, body, key | headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    refused = 0
    for _ in range(times):
        for pause in jitter():
            status, found = ask("GET")
            assert status == 200, found
            task = json.loads(found)
            change = json.dumps({"estimate_minutes": (task["estimate_minutes"] or 0) + 1})
            tag = {"If-Match": task["etag"], "Content-Type": "application/json"}
            status, answer = ask("PATCH", change, **tag)
            if status == 200:
                break
            assert (status, json.loads(answer)["code"]) == (412, "stale_etag"), answer
            refused += 1
            time.sleep(pause)
    return refused


async def in_the_store(which: str, place: str, folder: Path, times: int) -> int:
    from kyros.collab.model import TaskChange, Writer
    from kyros.kernel.etag import StaleTag

    refused = 0
    async with tasks_of(which, place, folder) as tasks:
        for _ in range(times):
            for pause in jitter():
                task = await tasks.get(TASK)
                more = TaskChange({"estimate_minutes": (task.estimate_minutes or 0) + 1})
                try:
                    await tasks.patch(TASK, more, Writer("counter"), task.etag)
                    break
                except StaleTag:
                    refused += 1
                    await asyncio.sleep(pause)
    return refused


@asynccontextmanager
async def tasks_of(which: str, place: str, folder: Path) -> AsyncIterator[Any]:
    """The service over a store of this process' own."""
    from kyros.collab.service.tasks import Tasks
    from kyros.collab.store import SqlCollabStore
    from kyros.events.store import SqlEventLog
    from kyros.infra.db import SqliteDatabase, open_database, place_of
    from tests.integration.collab.file_homes import file_home

    if which == "files":
        database = SqliteDatabase(Path(place))
        async with file_home(database, folder) as home:
            yield home.tasks
            assert home.store.trouble is None, home.store.trouble
        database.close()
        return
    rows = open_database(place_of(place if "://" in place else "", Path(place)))
    yield Tasks(SqlCollabStore(rows, SqlEventLog(rows)))
    rows.close()


def main(which: str, place: str, beside: str, times: str) -> None:
    if which == "http":
        print(over_http(place, beside, int(times)))
    else:
        print(asyncio.run(in_the_store(which, place, Path(beside), int(times))))


if __name__ == "__main__":
    main(*sys.argv[1:])
