"""The ACP session's own rules: order, choices at the start, and which tier is taken."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from kyros.drivers.adapters.driver import AgentDriver
from kyros.drivers.errors import AgentNotInstalled
from kyros.drivers.model import (
    ActionKind,
    ApprovalRequest,
    Decision,
    EntryKind,
    HeadlessSpec,
    ResultKind,
    SessionState,
    Tier,
)
from tests.contract.drivers.rigs import COUNTERPART, PROMPT, Ears, acp_profile, launch, replaced
from tests.integration.drivers.acp import opened, said, told, turn


class Slow(Ears):
    """Decides when it is told to, but at once about reads, as a rule would."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.decided = asyncio.Event(), asyncio.Event()

    async def _decide(self, request: ApprovalRequest) -> Decision:
        if request.kind is not ActionKind.READ:
            self.asked.set()
            await self.decided.wait()
        return await super()._decide(request)


async def test_a_waiting_question_holds_up_its_own_answer_alone(work: Path) -> None:
    ears = Slow()
    params = {"toolCall": {"toolCallId": "c", "kind": "execute", "title": "make"},
              "options": [{"optionId": "y", "kind": "allow_once"}]}  # fmt: skip
    question = {"id": "q", "method": "session/request_permission", "params": params}
    told(work, {"do": "send", "message": question}, {"do": "say", "text": "meanwhile"},
         {"do": "ask", "method": "fs/read_text_file", "params": {"path": "STEPS.json"}},
         {"do": "say", "text": " and after"}, {"do": "until_answered", "request": "q"})  # fmt: skip
    session = await opened(work, ears)
    running = asyncio.create_task(session.turn(PROMPT, 60))
    async with asyncio.timeout(30):
        await ears.asked.wait()
        while '"content"' not in (work / "HEARD.jsonl").read_text():
            await asyncio.sleep(0.01)
    assert ears.states[-1] is SessionState.BLOCKED
    ears.decided.set()
    assert (await running).result is ResultKind.OK
    await session.stop()
    kinds = [entry.kind for entry in ears.entries]
    assert kinds == [EntryKind.MESSAGE, EntryKind.TOOL_CALL, EntryKind.MESSAGE]
    assert said(ears)[-1] == "meanwhile and after"


async def test_a_question_that_is_withdrawn_is_answered_as_cancelled(work: Path) -> None:
    ears = Slow()
    question = {"id": "q", "method": "session/request_permission",
                "params": {"toolCall": {"toolCallId": "c"}, "options": []}}  # fmt: skip
    withdrawal = {"method": "$/cancel_request", "params": {"requestId": "q"}}
    steps = ({"do": "send", "message": question}, {"do": "send", "message": withdrawal})
    outcome = await turn(work, *steps, {"do": "until_answered", "request": "q"}, ears=ears)
    assert outcome.result is ResultKind.OK


async def test_a_mode_and_a_model_are_chosen_where_they_are_offered(work: Path) -> None:
    group = {"name": "group", "options": [{"value": "big"}]}
    option = {"id": "llm", "category": "model", "currentValue": "small", "options": [group]}
    session = {"modes": {"availableModes": [{"id": "ask"}]}, "configOptions": [option]}
    outcome = await turn(work, start={"session": session}, mode="ask", model="big")
    heard = [json.loads(line) for line in (work / "HEARD.jsonl").read_text().splitlines()]
    assert [(m["method"], m["params"]) for m in heard[2:4]] == [
        ("session/set_mode", {"sessionId": "s1", "modeId": "ask"}),
        ("session/set_config_option", {"sessionId": "s1", "configId": "llm", "value": "big"}),
    ]
    assert outcome.usage.model == "big"


async def test_what_is_not_offered_is_passed_over_and_said(work: Path) -> None:
    ears = Ears()
    outcome = await turn(work, ears=ears, mode="yolo", model="none")
    assert outcome.result is ResultKind.OK
    assert "The mode yolo is not offered" in ears.output.decode()


async def test_a_session_is_ready_before_its_work_comes(work: Path) -> None:
    told(work)
    ears = Ears()
    session = await opened(work, ears)
    assert await session.ready(60) is None
    assert ears.states == [SessionState.STARTING, SessionState.READY]
    await session.stop()
    stopped = await session.ready(60)
    assert stopped is not None
    assert stopped.result is ResultKind.CANCELLED


async def test_what_the_client_offers_is_what_the_profile_allows(work: Path) -> None:
    await turn(work, files=False, terminals=True)
    hello = json.loads((work / "HEARD.jsonl").read_text().splitlines()[0])
    assert hello["params"]["protocolVersion"] == 1
    assert hello["params"]["clientCapabilities"] == {
        "fs": {"readTextFile": False, "writeTextFile": False}, "terminal": True
    }  # fmt: skip


async def test_the_money_of_a_turn_is_what_the_session_cost_more(work: Path) -> None:
    def costs(amount: float) -> dict[str, object]:
        cost = {"amount": amount, "currency": "USD"}
        return {"do": "update", "sort": "usage_update", "used": 5, "size": 9, "cost": cost}

    ears = Ears()
    told(work, costs(0.2), costs(0.5))
    session = await opened(work, ears)
    first = await session.turn(PROMPT, 60)
    assert [usage.cost_usd for usage in ears.usages] == [0.2, 0.5, 0.5]
    told(work, costs(0.75))
    second = await session.turn(PROMPT, 60)
    told(work)
    third = await session.turn(PROMPT, 60)
    await session.stop()
    assert [outcome.usage.cost_usd for outcome in (first, second, third)] == [0.5, 0.25, None]
    assert first.usage.input_tokens is None


async def test_trouble_of_our_own_ends_the_turn_with_it(work: Path) -> None:
    class Broken(Ears):
        async def _decide(self, request: ApprovalRequest) -> Decision:
            raise OSError("the database is gone")

    with pytest.raises(OSError, match="the database is gone"):
        await turn(work, {"do": "write", "path": "a", "text": "a"}, ears=Broken())
    assert not (work / "a").exists()


async def test_a_missing_adapter_falls_back_to_the_next_tier(work: Path) -> None:
    both = replaced(
        acp_profile(command=("no-such-adapter",)), tiers=(Tier.ACP, Tier.HEADLESS),
        command=("@python", "-P", str(COUNTERPART)), headless=HeadlessSpec((), "claude"),
    )  # fmt: skip
    session = await AgentDriver().open(both, launch(work), Ears().listener())
    assert session.tier is Tier.HEADLESS
    await session.stop()
    none = replace(both, command=("no-such-program",))
    with pytest.raises(AgentNotInstalled, match="no-such-program is not on the PATH"):
        await AgentDriver().open(none, launch(work), Ears().listener())


async def test_the_prefix_stands_before_the_program_and_before_its_commands(work: Path) -> None:
    told(work, {"do": "terminal", "create": {"command": "echo $WRAPPED"}})
    prefix = ("/usr/bin/env", "WRAPPED=yes")
    ears = Ears()
    confined = replace(launch(work), prefix=prefix)
    session = await AgentDriver().open(acp_profile(terminals=True), confined, ears.listener())
    outcome = await session.turn(PROMPT, 60)
    await session.stop()
    assert outcome.result is ResultKind.OK, outcome
    assert '"output": "yes\\n"' in (work / "ANSWERS.jsonl").read_text()
