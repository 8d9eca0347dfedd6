"""A run whose agent asks a person: blocked meanwhile, and on with the answer."""

import asyncio

from kyros.delegation.model import Run, RunStatus
from kyros.drivers.fake import Asks
from kyros.drivers.model import ActionKind, ApprovalRequest
from kyros.fleet.model import Answer, Approval, ApprovalQuery, ApprovalState
from tests.unit.delegation.conftest import House

NETWORK = ApprovalRequest(ActionKind.NETWORK, "https://example.org/x", "Fetch it?", "fetch")
YES, NO = Answer("ada", True), Answer("ada", False)


async def asked(house: House) -> Approval:
    """Once the run is blocked."""
    async with asyncio.timeout(10):
        while True:
            pending = await house.approvals.page(ApprovalQuery(ApprovalState.PENDING))
            if pending and (await house.runs.get(pending[0].run_id)).status is RunStatus.BLOCKED:
                return pending[0]
            await asyncio.sleep(0.005)


async def walked(house: House, *answers: Answer) -> Run:
    """The run after each of its requests got its answer."""
    run = await house.delegate()
    walking = asyncio.create_task(house.walker().look(run.id))
    for answer in answers:
        await house.approvals.answer((await asked(house)).id, answer)
    await walking
    return await house.runs.get(run.id)


async def test_the_run_is_blocked_and_says_what_is_asked(house: House) -> None:
    house.agent.script = (Asks(NETWORK),)
    run = await house.delegate()
    walking = asyncio.create_task(house.walker().look(run.id))
    request = await asked(house)
    blocked = await house.runs.get(run.id)
    assert blocked.explanation == (
        f"fake asks leave for https://example.org/x: answer with `kyros approve {request.id}` or "
        f"`kyros approve deny {request.id}`."
    )
    assert (request.rule, request.tool, request.project_id) == ("ask: network", "fetch", run.project_id)
    assert (await house.task(run)).facts["run_status"] == "blocked"
    assert run.id in await house.runs.unfinished()
    await house.approvals.answer(request.id, YES)
    await walking
    done = await house.runs.get(run.id)
    assert (done.status, done.explanation) == (RunStatus.SUCCEEDED, None)
    assert house.agent.decisions[0][1].rule == "allow: granted by ada"


async def test_it_may_ask_again_and_a_no_is_told(house: House) -> None:
    house.agent.script = (Asks(NETWORK), Asks(NETWORK))
    run = await walked(house, YES, Answer("ada", False, note="use the mirror"))
    assert run.status is RunStatus.FAILED
    assert [(decision.allow, decision.note) for _, decision in house.agent.decisions] == [
        (True, ""),
        (False, "use the mirror"),
    ]
    told = [event for event in await house.told(target=run.id) if event in ("run_blocked", "run_running")]
    assert told == ["run_running", "run_blocked", "run_running", "run_blocked", "run_running"]


async def test_a_stop_withdraws_what_was_asked(house: House) -> None:
    house.agent.script = (Asks(NETWORK),)
    run = await house.delegate()
    walking = asyncio.create_task(house.walker().look(run.id))
    request = await asked(house)
    await house.front.stop(run.id, "ada")
    await walking
    assert (await house.runs.get(run.id)).status is RunStatus.CANCELLED
    assert (await house.approvals.get(request.id)).state is ApprovalState.WITHDRAWN


async def test_the_sweep_withdraws_what_the_dead_asked(house: House) -> None:
    house.agent.script = (Asks(NETWORK),)
    run = await house.delegate()
    walking = asyncio.create_task(house.walker().look(run.id))
    request = await asked(house)
    await house.handlers["delegation.sweep"]({})
    assert (await house.approvals.get(request.id)).is_pending, "somebody works on it"
    walking.cancel()
    await asyncio.gather(walking, return_exceptions=True)
    await house.approvals.ask(request)  # as a kill would have left it
    await house.handlers["delegation.sweep"]({})
    assert (await house.approvals.get(request.id)).state is ApprovalState.WITHDRAWN


async def test_what_was_asked_in_a_turn_that_was_cut_off_is_withdrawn_by_the_next(house: House) -> None:
    house.agent.script = (Asks(NETWORK),)
    run = await house.delegate()
    walking = asyncio.create_task(house.walker().look(run.id))
    first = await asked(house)
    walking.cancel()
    await asyncio.gather(walking, return_exceptions=True)
    await house.approvals.ask(first)
    again = asyncio.create_task(house.walker().look(run.id))
    async with asyncio.timeout(10):
        while (second := await asked(house)).id == first.id:
            await asyncio.sleep(0.005)
    assert (await house.approvals.get(first.id)).state is ApprovalState.WITHDRAWN
    await house.approvals.answer(second.id, YES)
    await again
    assert (await house.runs.get(run.id)).status is RunStatus.SUCCEEDED
