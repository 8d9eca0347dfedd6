"""Opens and closes a house, and what goes on in it while it is open: beats, wakes, watching."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from kyros.auth.store import TOPIC as AUTH_TOPIC
from kyros.collab.store import FileCollabStore
from kyros.collab.store import files as state_files
from kyros.engine.adapters.embedded.bus import ClientBus, HubBus
from kyros.entrypoints.bootstrap.furnishing import furnish, open_collab, signing_key
from kyros.entrypoints.bootstrap.house import House
from kyros.entrypoints.home import Home
from kyros.entrypoints.migrate import database_of
from kyros.fleet.store import EXECUTIONS_TOPIC
from kyros.fleet.store import TOPIC as APPROVALS_TOPIC
from kyros.infra.db import open_database
from kyros.infra.git import sync_what_is_written
from kyros.infra.telemetry import get_log
from kyros.kernel.ids import new_id
from kyros.kernel.settings import Settings

LEASE_BEAT_SECONDS = 2.0
AGENT_BEAT_SECONDS = 60.0


@asynccontextmanager
async def open_server(settings: Settings) -> AsyncIterator[House]:
    """The server's house: it holds the bus and keeps the leases."""
    async with _open(settings, HubBus(settings.home), "server") as house:
        await house.leases.resume()
        beats = [
            asyncio.create_task(_beat("leases", LEASE_BEAT_SECONDS, house.leases.beat)),
            asyncio.create_task(_beat("agents", AGENT_BEAT_SECONDS, house.agents.settle)),
            asyncio.create_task(house.admission.refusals.run()),
        ]
        try:
            yield house
        finally:
            for beating in beats:
                beating.cancel()
            await asyncio.gather(*beats, return_exceptions=True)
            await house.admission.rates.close()


def open_worker(settings: Settings, name: str) -> AbstractAsyncContextManager[House]:
    """A worker's house: it joins the bus. Of workers with one name only the newest lives: it takes over
    at once what the others held."""
    return _open(settings, ClientBus(settings.home), name)


@asynccontextmanager
async def _open(settings: Settings, bus: HubBus | ClientBus, role: str) -> AsyncIterator[House]:
    """Open stores and bus; what dead predecessors of this role held is free again when this enters."""
    home = Home(settings.home)
    if settings.database_url.get_secret_value():
        role = f"{role}.{home.installation()}"  # of several homes on one database none ends another's work
    sync_what_is_written()
    boot = new_id("boot")
    database = open_database(database_of(settings))
    try:
        async with bus, open_collab(home, database) as collab:
            signing = await signing_key(settings, home, database)
            house = furnish(settings, home, bus, role, boot, database, collab, signing)
            _wire_wakes(house)
            await house.leases.void(f"{role}@", house.holder)
            async with _hearing(house):
                yield house
    finally:
        database.close()


def _wire_wakes(house: House) -> None:
    """A commit here wakes our own readers and nudges the other process."""

    def tell(topics: Iterable[str]) -> None:
        for topic in topics:
            if topic == AUTH_TOPIC:  # before whoever changed it hears that it is done
                house.admission.auth.wake()
            house.bus.publish(f"committed:{topic}", b"")

    house.database.listener = tell


@asynccontextmanager
async def _hearing(house: House) -> AsyncIterator[None]:
    """While open, a commit of any process wakes the tail of events and the queue."""
    wakes = {
        "committed:events": house.wake_events,
        "committed:jobs": house.queue.wake,
        "committed:leases": house.leases.wake,
        f"committed:{AUTH_TOPIC}": house.admission.auth.wake,
        f"committed:{APPROVALS_TOPIC}": house.answers.wake,
        f"committed:{EXECUTIONS_TOPIC}": house.counter.wake,
    }
    if isinstance(house.collab, FileCollabStore):
        wakes[f"committed:{state_files.TOPIC}"] = house.collab.wake

    async def hear(topic: str) -> None:
        async with house.bus.subscribe(topic) as nudges:
            async for _ in nudges:
                wakes[topic]()

    hearing = [asyncio.create_task(hear(topic), name=f"hear {topic}") for topic in wakes]
    try:
        yield
    finally:
        for task in hearing:
            task.cancel()
        await asyncio.gather(*hearing, return_exceptions=True)


async def _beat(what: str, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """A beat that fails (a full disk, a database away) is missed; it is not the last."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception as error:
            get_log("kyros.collab").error(f"the {what} missed a beat", exc_info=error)
