"""What every Sessions and every Executions promises."""

from dataclasses import replace
from typing import Any

import pytest

from kyros.drivers.model import Tier
from kyros.engine.adapters.embedded.queue import EmbeddedQueue
from kyros.engine.adapters.embedded.rounds import Worker
from kyros.engine.fake import FakeQueue
from kyros.fleet.errors import ExecutionNotFound, PoolBusy
from kyros.fleet.fake import FakeExecutions, FakeSessions
from kyros.fleet.model import OUTPUT_SIGNS, Execution, ExecutionState, SessionRow, Standing
from kyros.fleet.ports import Executions, Sessions
from kyros.fleet.store import SqlExecutions, SqlSessions
from kyros.kernel.states import MoveRefused
from tests.stand_ins import Outbox

NOW, LATER = "2026-11-21T12:00:00.000000Z", "2026-11-21T12:05:00.000000Z"
ROW = SessionRow(
    id="session_1",
    profile="claude",
    tier=Tier.TERMINAL,
    project_id="p_1",
    worker="worker-1@boot_1",
    host="here",
    standing=Standing.STARTING,
    folder="/w/slot_1",
    current_task=None,
    started_at=NOW,
    used_at=NOW,
)
ASKED = Execution("exec_1", "claude", "Say hello.", None, 300_000, 5_000, "ada", NOW)


@pytest.fixture(params=["fake", "database", "postgres"])
def sessions(request: pytest.FixtureRequest, outbox: Outbox) -> Sessions:
    if request.param == "fake":
        return FakeSessions(outbox)
    return SqlSessions(request.getfixturevalue(request.param), outbox)


@pytest.fixture(params=["fake", "database", "postgres"])
def executions(request: pytest.FixtureRequest, outbox: Outbox) -> tuple[Executions, Any]:
    """With the queue that gets their jobs."""
    if request.param == "fake":
        queue = FakeQueue()
        return FakeExecutions(outbox, queue), queue
    database = request.getfixturevalue(request.param)
    real = EmbeddedQueue(database, Worker("server", "boot_1"))
    return SqlExecutions(database, outbox, real), real


async def test_a_live_session_reads_back_as_it_was_written(sessions: Sessions) -> None:
    await sessions.add(ROW)
    busy = replace(ROW, standing=Standing.BUSY, current_task="run_1", ready_at=LATER, restarts=2)
    await sessions.add(replace(ROW, id="session_2"))
    await sessions.put(busy)
    assert list(await sessions.live()) == [busy, replace(ROW, id="session_2")]
    assert list(await sessions.of_task("run_1")) == ["session_1"]


async def test_an_ended_session_is_final(sessions: Sessions, outbox: Outbox) -> None:
    await sessions.add(ROW)
    await sessions.end(ROW.id, "its worker is gone", LATER)
    await sessions.put(replace(ROW, standing=Standing.READY))
    await sessions.end(ROW.id, "again", LATER)
    await sessions.end("session_9", "never there", LATER)
    assert list(await sessions.live()) == []
    assert list(await sessions.ended([ROW.id, "session_9"])) != []
    assert outbox.names() == ["session_started", "session_ended"]
    assert outbox.events[-1].details["why"] == "its worker is gone"


async def test_which_have_ended_is_told_of_those_asked_for(sessions: Sessions) -> None:
    await sessions.add(ROW)
    assert set(await sessions.ended(["session_1", "session_2"])) == {"session_2"}


async def test_who_shall_stop_is_remembered_whatever_is_written(sessions: Sessions) -> None:
    await sessions.add(ROW)
    await sessions.ask_stop_all()
    await sessions.put(replace(ROW, standing=Standing.READY))
    await sessions.add(replace(ROW, id="session_2"))
    assert [row.stop_asked for row in await sessions.live()] == [True, False]


async def test_only_ended_rows_are_dropped_the_oldest_first(sessions: Sessions) -> None:
    for number in range(1, 5):
        await sessions.add(replace(ROW, id=f"session_{number}"))
    for number in (1, 2, 3):
        await sessions.end(f"session_{number}", "done", LATER)
    assert await sessions.prune(1) == 2
    assert await sessions.prune(1) == 0
    assert [row.id for row in await sessions.live()] == ["session_4"]


async def test_without_its_event_no_session_is_written(sessions: Sessions, outbox: Outbox) -> None:
    outbox.broken = True
    with pytest.raises(OSError, match="no room"):
        await sessions.add(ROW)
    assert list(await sessions.live()) == []


async def test_an_execution_comes_with_its_job(executions: tuple[Executions, Any]) -> None:
    rows, queue = executions
    await rows.create(ASKED, 5)
    assert await rows.get("exec_1") == ASKED
    assert await queue.depth() == 1
    with pytest.raises(ExecutionNotFound):
        await rows.get("exec_9")


async def test_too_many_that_wait_are_refused(executions: tuple[Executions, Any]) -> None:
    rows, queue = executions
    await rows.create(ASKED, 1)
    with pytest.raises(PoolBusy, match="1 executions wait"):
        await rows.create(replace(ASKED, id="exec_2"), 1)
    assert await queue.depth() == 1
    assert await rows.begin("exec_1", "turn_1")
    await rows.create(replace(ASKED, id="exec_3"), 1)


async def test_it_is_begun_once_and_ends_once(executions: tuple[Executions, Any], outbox: Outbox) -> None:
    rows, _ = executions
    await rows.create(ASKED, 5)
    assert await rows.begin("exec_1", "turn_1")
    assert not await rows.begin("exec_1", "turn_2")
    done = await rows.end("exec_1", ExecutionState.DONE, "fine", LATER, "x" * (OUTPUT_SIGNS + 1))
    assert (done.state, done.turn_id, done.ended_at) == (ExecutionState.DONE, "turn_1", LATER)
    assert await rows.end("exec_1", ExecutionState.LOST, "late", LATER) == done
    assert outbox.names() == ["execution_asked", "execution_ended"]
    assert list(await rows.unfinished()) == []


async def test_what_was_called_off_never_begins(executions: tuple[Executions, Any]) -> None:
    rows, _ = executions
    await rows.create(ASKED, 5)
    assert await rows.cancel_queued("exec_1", "busy", LATER)
    assert not await rows.cancel_queued("exec_1", "busy", LATER)
    assert not await rows.begin("exec_1", "turn_1")


async def test_what_has_begun_cannot_be_called_off_but_asked_to_stop(
    executions: tuple[Executions, Any],
) -> None:
    rows, _ = executions
    await rows.create(ASKED, 5)
    await rows.begin("exec_1", "turn_1")
    assert not await rows.cancel_queued("exec_1", "busy", LATER)
    await rows.ask_stop("exec_1")
    assert (await rows.get("exec_1")).stop_asked


async def test_one_that_shall_stop_is_not_begun(executions: tuple[Executions, Any]) -> None:
    rows, _ = executions
    await rows.create(ASKED, 5)
    await rows.ask_stop("exec_1")
    assert not await rows.begin("exec_1", "turn_1")


async def test_a_move_the_table_forbids_is_refused(executions: tuple[Executions, Any]) -> None:
    rows, _ = executions
    await rows.create(ASKED, 5)
    with pytest.raises(MoveRefused):
        await rows.end("exec_1", ExecutionState.DONE, "unasked", LATER)
