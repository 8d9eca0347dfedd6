"""The rooms of one process, wired to one home."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from kyros.auth.adapters import LimitedRates
from kyros.auth.service import (
    AgentTokens,
    Auth,
    Keys,
    People,
    Refusals,
    Sessions,
)
from kyros.collab.ports import CollabStore
from kyros.collab.service.agents import Agents
from kyros.collab.service.leases import Leases
from kyros.collab.service.tasks import Tasks
from kyros.collab.store import FileCollabStore
from kyros.delegation.ports import RunStore
from kyros.delegation.service import Pace, Pulls
from kyros.drivers.ports import Profiles
from kyros.engine.adapters.embedded.bus import SocketBus
from kyros.engine.adapters.embedded.queue import EmbeddedQueue
from kyros.entrypoints.home import Home
from kyros.events.service.history import History
from kyros.events.service.human_log import HumanLogs
from kyros.events.service.relay import Relay
from kyros.events.store import SqlEventLog
from kyros.fleet.adapters.machine import LocalMachine
from kyros.fleet.adapters.recordings import CastFiles
from kyros.fleet.adapters.transcripts import JsonlTranscriptFiles
from kyros.fleet.ports import Approvals, Budgets, Drift, Executions, Ledger, Pauses, Turns
from kyros.fleet.ports import Sessions as AgentSessions
from kyros.fleet.service import POOL_LEASE, Answers, Counter, Limits
from kyros.forge.ports import Forge
from kyros.infra.db import Database
from kyros.kernel.clock import utc_now
from kyros.kernel.settings import Settings


@dataclass(frozen=True)
class Admission:
    """Auth's services: who may come in, and what they may."""

    auth: Auth
    people: People
    sessions: Sessions
    keys: Keys
    agent_tokens: AgentTokens
    rates: LimitedRates
    refusals: Refusals


@dataclass(frozen=True)
class EventFiles:
    """What is kept of the log beside its table; `relay` is None where no copy is kept."""

    history: History
    human_logs: HumanLogs
    relay: Relay | None

    def wake(self) -> None:
        if self.relay is not None:
            self.relay.wake()

    @asynccontextmanager
    async def copying(self) -> AsyncIterator[None]:
        """While open, the log is copied to its file; whole when this leaves."""
        if self.relay is None:
            yield
            return
        running = asyncio.create_task(self.relay.run(), name="copy of events")
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await self.relay.finish()


@dataclass(frozen=True)
class House:
    """The rooms both processes share, wired to one home. `holder` names this process until it ends."""

    settings: Settings
    home: Home
    holder: str
    database: Database
    admission: Admission
    events: SqlEventLog
    event_files: EventFiles
    bus: SocketBus
    queue: EmbeddedQueue
    collab: CollabStore
    tasks: Tasks
    leases: Leases
    agents: Agents
    forge: Forge
    turns: Turns
    approvals: Approvals
    answers: Answers
    ledger: Ledger
    budgets: Budgets
    pauses: Pauses
    sessions: AgentSessions
    executions: Executions
    counter: Counter
    drift: Drift
    runs: RunStore
    profiles: Profiles
    machine: LocalMachine
    recordings: CastFiles
    transcripts: JsonlTranscriptFiles

    @property
    def state_trouble(self) -> str | None:
        """Why the state files are behind what was committed; None when they are not, or there are none."""
        return self.collab.trouble if isinstance(self.collab, FileCollabStore) else None

    @property
    def pulls(self) -> Pulls:
        return Pulls(runs=self.runs, tasks=self.tasks, forge=self.forge, queue=self.queue, clock=utc_now)

    @property
    def limits(self) -> Limits:
        return Limits(self.pauses, utc_now)

    async def has_worker(self) -> bool:
        """Whether some worker's pool is at work."""
        return await self.leases.store.read(
            lambda view: any(one.is_live(view.now) for one in view.leases_under(POOL_LEASE))
        )

    def wake_events(self) -> None:
        self.events.wake()
        self.event_files.wake()

    @property
    def pace(self) -> Pace:
        return Pace(self.settings.lease_ttl_seconds, self.settings.run_attempts, random.random)
