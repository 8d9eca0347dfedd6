"""A run's approval is answered by the run's id; the same answer again is the same answer."""

from dataclasses import replace

import pytest

from kyros.drivers.model import ActionKind
from kyros.fleet.api import ApprovalDoor
from kyros.fleet.errors import NothingPending
from kyros.fleet.fake import FakeApprovals
from kyros.fleet.model import Answer, Approval, ApprovalState, decided_by_rule, put_to_a_person
from tests.stand_ins import Clock, Outbox

REQUEST = Approval(
    id="appr_1", turn_id="turn_1", run_id="run_1", agent="playbook", state=ApprovalState.PENDING,
    kind=ActionKind.COMMAND, tool="", subject="make", text="", rule="ask", digest="",
    asked_at="2026-11-20T12:00:00.000000Z", project_id="p_1",
)  # fmt: skip


async def test_an_answer_once_more_is_the_same_though_rules_decided_others_meanwhile() -> None:
    approvals = FakeApprovals(Outbox(), Clock())
    door = ApprovalDoor(approvals)
    await approvals.ask(put_to_a_person(REQUEST, 60))
    assert (await door.wanted_of("run_1", allow=True)).id == "appr_1"
    granted = await approvals.answer("appr_1", Answer("ada", True))
    await approvals.record(decided_by_rule(replace(REQUEST, id="appr_2"), allow=True))
    assert await door.wanted_of("run_1", allow=True) == granted
    with pytest.raises(NothingPending):
        await door.wanted_of("run_1", allow=False)


async def test_a_later_request_that_nobody_answered_is_not_answered_by_an_earlier_yes() -> None:
    approvals = FakeApprovals(Outbox(), Clock())
    door = ApprovalDoor(approvals)
    await approvals.ask(put_to_a_person(REQUEST, 60))
    await approvals.answer("appr_1", Answer("ada", True))
    await approvals.ask(put_to_a_person(replace(REQUEST, id="appr_2"), 60))
    await approvals.expire("appr_2")
    for allow in (True, False):
        with pytest.raises(NothingPending):
            await door.wanted_of("run_1", allow)


async def test_what_rules_alone_decided_was_nobodys_answer() -> None:
    approvals = FakeApprovals(Outbox(), Clock())
    await approvals.record(decided_by_rule(REQUEST, allow=True))
    with pytest.raises(NothingPending):
        await ApprovalDoor(approvals).wanted_of("run_1", allow=True)
