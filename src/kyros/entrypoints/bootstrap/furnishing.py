"""Fills a house: a store or an adapter for each port, by the settings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kyros.auth.adapters import ArgonPasswords, open_rates
from kyros.auth.ports import SigningKey
from kyros.auth.service import (
    AccessTokens,
    AgentTokens,
    Auth,
    Keys,
    People,
    Refusals,
    Sessions,
    Throttle,
    operator,
)
from kyros.auth.store import OperatorToken, SigningKeyFile, SigningKeyRow, SqlAuthStore
from kyros.collab.model import Which
from kyros.collab.ports import CollabStore
from kyros.collab.service.agents import Agents
from kyros.collab.service.hand_edits import HandEdits
from kyros.collab.service.leases import Leases
from kyros.collab.service.tasks import Tasks
from kyros.collab.store import FileCollabStore, SqlCollabStore
from kyros.collab.store import files as state_files
from kyros.delegation.store import SqlRunStore
from kyros.drivers.adapters.profiles import load_profiles
from kyros.engine.adapters.embedded.bus import SocketBus
from kyros.engine.adapters.embedded.queue import EmbeddedQueue
from kyros.engine.adapters.embedded.rounds import Worker
from kyros.entrypoints.bootstrap.house import Admission, EventFiles, House
from kyros.entrypoints.home import Home
from kyros.events.adapters import JsonlArchive, JsonlFile, LogBook
from kyros.events.service.history import History
from kyros.events.service.human_log import HumanLogs
from kyros.events.service.relay import Relay
from kyros.events.store import SqlEventLog
from kyros.fleet.adapters.containment import Containment
from kyros.fleet.adapters.machine import LocalMachine
from kyros.fleet.adapters.recordings import CastFiles
from kyros.fleet.adapters.scratch import HomeFolders
from kyros.fleet.adapters.transcripts import JsonlTranscriptFiles
from kyros.fleet.adapters.worktrees import project_of
from kyros.fleet.service import Answers, Counter
from kyros.fleet.store import (
    SqlApprovals,
    SqlBudgets,
    SqlDrift,
    SqlExecutions,
    SqlLedger,
    SqlPauses,
    SqlSessions,
    SqlTurns,
)
from kyros.forge.adapters.builtin import BuiltinForge
from kyros.forge.store import SqlForgeStore
from kyros.infra.db import Database
from kyros.infra.sandbox import Limits
from kyros.kernel.clock import utc_now
from kyros.kernel.ids import new_id
from kyros.kernel.settings import Settings


@asynccontextmanager
async def open_collab(home: Home, database: Database) -> AsyncIterator[CollabStore]:
    """Rows, and files that follow them where the home has some; those are watched for a person's edits."""
    rows, hand_edits = rows_of(database)
    if await database.write(state_files.chosen) is Which.SQL:
        yield rows
        return
    store = FileCollabStore(rows, home.state, hand_edits)
    await store.open()
    watching = asyncio.create_task(store.watch(), name="watch state files")
    try:
        yield store
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await store.close()


def rows_of(database: Database) -> tuple[SqlCollabStore, HandEdits]:
    """The state in rows, and the rules for what a person edits in files of it."""
    events = SqlEventLog(database)
    return SqlCollabStore(database, events), HandEdits(AgentTokens(SqlAuthStore(database, events)))


def containment_of(settings: Settings, home: Home) -> Containment:
    """How agents and checks are confined; Kyros' own home is hidden from them."""
    return Containment(
        mode=settings.sandbox,
        network=settings.agent_network,
        limits=Limits(
            memory_bytes=settings.agent_memory_bytes or None,
            cpu_seconds=settings.agent_cpu_seconds or None,
            processes=settings.agent_processes or None,
            open_files=settings.agent_open_files or None,
            file_bytes=settings.agent_file_bytes or None,
        ),
        readable=[folder.expanduser().absolute() for folder in settings.sandbox_readable],
        hidden=[home.root],
        borrowed=lambda worktree: [home.forge / f"{project_of(worktree)}.git"],
    )


def operator_token(home: Home) -> str:
    """The operator's token; written at first start."""
    return OperatorToken(home.root).ensure()


async def signing_key(settings: Settings, home: Home, database: Database) -> SigningKey:
    """A file of the home; where several servers share a database, a row of it."""
    if settings.database_url.get_secret_value():
        return await SigningKeyRow(database).ensure()
    return SigningKeyFile(home.root).ensure()


def _admission(
    settings: Settings, home: Home, database: Database, events: SqlEventLog, signing: SigningKey
) -> Admission:
    store, access = SqlAuthStore(database, events), AccessTokens(signing, utc_now)
    passwords, throttle, refusals = ArgonPasswords(), Throttle(utc_now), Refusals(events, utc_now)
    rates = {"read": settings.rate_read, "write": settings.rate_write, "sign-in": settings.rate_sign_in}
    return Admission(
        auth=Auth([operator(operator_token(home))], store, access),
        people=People(store, passwords, throttle),
        sessions=Sessions(store, access, passwords, throttle, refusals, new_id),
        keys=Keys(store, new_id),
        agent_tokens=AgentTokens(store),
        rates=open_rates(rates, settings.redis_url.get_secret_value()),
        refusals=refusals,
    )


def _event_files(settings: Settings, home: Home, events: SqlEventLog) -> EventFiles:
    own = settings.event_file == "auto" and not settings.database_url.get_secret_value()
    relay = None
    if own or settings.event_file == "on":
        file = JsonlFile(home.events, size_bytes=settings.event_file_bytes, chained=settings.event_chain)
        relay = Relay(events, file, settings.event_keep)
    history = History(events, JsonlArchive(home.events))
    return EventFiles(history, HumanLogs(events, history, LogBook(home.root, home.human_log)), relay)


def folders_of(home: Home) -> HomeFolders:
    """Where executions work. Worktrees are lent to runs only: beside each lie records and other runs' files,
    and a sandbox would let an agent write there."""
    return HomeFolders(home.agents, home.shared)


def furnish(
    settings: Settings,
    home: Home,
    bus: SocketBus,
    role: str,
    boot: str,
    database: Database,
    collab: CollabStore,
    signing: SigningKey,
) -> House:
    events = SqlEventLog(database)
    queue = EmbeddedQueue(database, Worker(role, boot))
    tasks, leases = Tasks(collab), Leases(collab)
    approvals = SqlApprovals(database, events)
    admission = _admission(settings, home, database, events, signing)
    sessions, executions = SqlSessions(database, events), SqlExecutions(database, events, queue)
    profiles = load_profiles(home.profiles)
    return House(
        settings=settings,
        home=home,
        holder=f"{role}@{boot}",
        database=database,
        admission=admission,
        events=events,
        event_files=_event_files(settings, home, events),
        bus=bus,
        queue=queue,
        collab=collab,
        tasks=tasks,
        leases=leases,
        agents=Agents(collab, admission.agent_tokens),
        forge=BuiltinForge(home.forge, SqlForgeStore(database, events, utc_now), utc_now, new_id),
        turns=SqlTurns(database, events),
        approvals=approvals,
        answers=Answers(approvals),
        ledger=SqlLedger(database),
        budgets=SqlBudgets(database, events, utc_now),
        pauses=SqlPauses(database, events),
        sessions=sessions,
        executions=executions,
        drift=SqlDrift(database, events),
        counter=Counter(
            executions=executions,
            sessions=sessions,
            folders=folders_of(home),
            profiles=profiles,
            leases=leases,
            bus=bus,
            clock=utc_now,
            new_id=new_id,
            agent=settings.agent,
            queue_ms=settings.pool_queue_ms,
            most_queued=settings.pool_queue,
        ),
        runs=SqlRunStore(database, tasks=tasks, leases=leases, outbox=events, queue=queue, clock=utc_now),
        profiles=profiles,
        machine=LocalMachine(
            home.installation(),
            home.agents,
            settings.agent_env,
            containment_of(settings, home),
            sessions.of_task,
        ),
        recordings=CastFiles(home.recordings),
        transcripts=JsonlTranscriptFiles(home.recordings),
    )
