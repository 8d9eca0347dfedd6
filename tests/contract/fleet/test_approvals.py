"""What every Approvals promises."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from kyros.drivers.model import ActionKind, ApprovalRequest, ApprovalRule, RuleAction, Tier
from kyros.fleet.errors import ApprovalDecided, ApprovalNotFound, ApprovalNotGeneral, ApprovalOver
from kyros.fleet.model import (
    Answer,
    Approval,
    ApprovalQuery,
    ApprovalState,
    Place,
    Rules,
    Scope,
    Turn,
    decided_by_rule,
    judge,
    put_to_a_person,
)
from kyros.fleet.ports import Approvals, Turns
from kyros.kernel.etag import StaleTag
from tests.stand_ins import Clock, Outbox

TURN = Turn("turn_1", "run_1", "playbook", Tier.TERMINAL, "delegation", "2026-11-20T12:00:00.000000Z")
ASKED = put_to_a_person(
    Approval(
        id="appr_1", turn_id="turn_1", run_id="run_1", agent="playbook", state=ApprovalState.PENDING,
        kind=ActionKind.COMMAND, tool="bash", subject="make deploy", text="Run it? 🦉", rule="ask: rule 1",
        digest="d" * 64, asked_at="2026-11-20T12:00:00.000000Z", project_id="p_1", task_id="T-1",
    ),
    60,
)  # fmt: skip
YES, NO = Answer("ada", True), Answer("ada", False, note="not today")
ALWAYS = Answer("ada", True, Scope.ALWAYS)
RULE = ApprovalRule(RuleAction.ALLOW, ActionKind.COMMAND, command="make\\ deploy")


@pytest.fixture(autouse=True)
async def begun(turns: Turns, outbox: Outbox) -> None:
    """The turn that asks."""
    await turns.begin(TURN)
    outbox.events.clear()


async def test_one_that_a_rule_decided_reads_back_as_it_was(approvals: Approvals, outbox: Outbox) -> None:
    denied = decided_by_rule(ASKED, allow=False)
    await approvals.record(denied)
    assert await approvals.get("appr_1") == denied
    (event,) = outbox.events
    assert (event.event, event.actor, event.target) == ("approval_decided", "policy", "run_1")
    assert event.details["allowed"] is False
    assert event.details["rule"] == "ask: rule 1"


async def test_a_pending_one_is_told_of_and_granted_once(approvals: Approvals, outbox: Outbox) -> None:
    await approvals.ask(ASKED)
    assert await approvals.get("appr_1") == ASKED
    decided = await approvals.answer("appr_1", YES)
    assert (decided.state, decided.decided_by, decided.scope) == (ApprovalState.GRANTED, "ada", Scope.ONCE)
    assert await approvals.get("appr_1") == decided
    told = [(event.event, event.actor, event.details["approval_id"]) for event in outbox.events]
    assert told == [("approval_requested", "playbook", "appr_1"), ("approval_decided", "ada", "appr_1")]
    assert outbox.events[0].details["expires_at"] == "2026-11-20T12:01:00.000000Z"


async def test_the_same_answer_again_changes_nothing_and_another_is_refused(
    approvals: Approvals, outbox: Outbox
) -> None:
    await approvals.ask(ASKED)
    decided = await approvals.answer("appr_1", YES)
    assert await approvals.answer("appr_1", Answer("bob", True)) == decided
    for other in (NO, ALWAYS):
        with pytest.raises(ApprovalDecided, match="granted already: ada") as refused:
            await approvals.answer("appr_1", other)
        assert refused.value.facts["decided_by"] == "ada"
    assert outbox.names() == ["approval_requested", "approval_decided"]


async def test_of_two_who_answer_at_once_one_wins(approvals: Approvals) -> None:
    await approvals.ask(ASKED)
    said = await asyncio.gather(
        approvals.answer("appr_1", YES),
        approvals.answer("appr_1", replace(NO, by="bob")),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in said) == ["Approval", "ApprovalDecided"]


async def test_a_denial_keeps_its_note(approvals: Approvals) -> None:
    await approvals.ask(ASKED)
    decided = await approvals.answer("appr_1", NO)
    assert (decided.state, decided.note, decided.scope) == (ApprovalState.DENIED, "not today", None)


async def test_always_makes_a_rule_of_exactly_this_before_the_others(
    approvals: Approvals, outbox: Outbox
) -> None:
    ask = ApprovalRule(RuleAction.ASK, ActionKind.COMMAND)
    await approvals.set_rules("p_1", [ask], "eve")
    await approvals.ask(ASKED)
    decided = await approvals.answer("appr_1", ALWAYS)
    assert decided.made_rule == "allow command make\\ deploy"
    assert list((await approvals.rules("p_1")).rules) == [RULE, ask]
    assert outbox.names() == [
        "project_rules_set", "approval_requested", "project_rules_set", "approval_decided",
    ]  # fmt: skip


async def test_what_names_nothing_single_cannot_be_allowed_for_always(approvals: Approvals) -> None:
    await approvals.ask(replace(ASKED, kind=ActionKind.OTHER, subject=""))
    with pytest.raises(ApprovalNotGeneral):
        await approvals.answer("appr_1", ALWAYS)
    assert (await approvals.get("appr_1")).is_pending
    assert (await approvals.rules("p_1")).revision == 0


async def test_of_no_project_nothing_is_allowed_for_always(approvals: Approvals) -> None:
    await approvals.ask(replace(ASKED, project_id=None))
    with pytest.raises(ApprovalNotGeneral, match="no project"):
        await approvals.answer("appr_1", ALWAYS)
    assert (await approvals.get("appr_1")).is_pending
    assert (await approvals.rules("None")).revision == 0


@pytest.mark.parametrize(
    ("path", "others"),
    [
        ("/home/u", ["/home/u/.ssh/id_rsa", "/home/v", "/home"]),
        ("/etc/hosts", ["/etc/hosts/x", "/etc/hostt"]),
        ("/x/a[1]", ["/x/a1", "/x/a[1]/b"]),
        ("/x/a^", ["/x/a", "/x/ab", "/x/a^/b"]),
        ("/x/a!", ["/x/a", "/x/ab", "/x/a!/b"]),
        ("/x/a]", ["/x/a", "/x/a]/b"]),
    ],
)
async def test_always_on_a_path_is_for_that_path_alone(
    approvals: Approvals, path: str, others: list[str]
) -> None:
    await approvals.ask(replace(ASKED, kind=ActionKind.READ, subject=path, path=path))
    await approvals.answer("appr_1", ALWAYS)
    rules = Rules((await approvals.rules("p_1")).rules)

    def verdict(subject: str) -> RuleAction:
        return judge(
            ApprovalRequest(ActionKind.READ, subject, ""), lambda one: Place(None, one), rules
        ).action

    assert verdict(path) is RuleAction.ALLOW
    assert [verdict(other) for other in others] == [RuleAction.ASK] * len(others)


async def test_the_root_of_all_files_cannot_be_allowed_for_always(approvals: Approvals) -> None:
    await approvals.ask(replace(ASKED, kind=ActionKind.READ, subject="/", path="/"))
    with pytest.raises(ApprovalNotGeneral):
        await approvals.answer("appr_1", ALWAYS)


async def test_late_is_too_late(approvals: Approvals, clock: Clock, outbox: Outbox) -> None:
    await approvals.ask(ASKED)
    clock.advance(60)
    with pytest.raises(ApprovalOver, match="expired"):
        await approvals.answer("appr_1", YES)
    expired = await approvals.expire("appr_1")
    assert (expired.state, expired.allowed) == (ApprovalState.EXPIRED, False)
    assert await approvals.expire("appr_1") == expired
    assert outbox.names() == ["approval_requested", "approval_expired"]


async def test_what_is_decided_does_not_expire_and_is_not_withdrawn(approvals: Approvals) -> None:
    await approvals.ask(ASKED)
    decided = await approvals.answer("appr_1", YES)
    assert await approvals.expire("appr_1") == decided
    assert await approvals.withdraw("appr_1") == decided
    assert list(await approvals.withdraw_all_of("run_1")) == []


async def test_what_nobody_waits_for_is_withdrawn_for_good(approvals: Approvals, outbox: Outbox) -> None:
    await approvals.ask(ASKED)
    await approvals.ask(replace(ASKED, id="appr_2", run_id="run_2"))
    assert list(await approvals.withdraw_all_of("run_1")) == ["appr_1"]
    assert (await approvals.get("appr_1")).state is ApprovalState.WITHDRAWN
    assert (await approvals.get("appr_2")).is_pending
    with pytest.raises(ApprovalOver, match="withdrawn"):
        await approvals.answer("appr_1", YES)
    assert outbox.names()[-1] == "approval_withdrawn"


async def test_what_is_not_there_is_not_found(approvals: Approvals) -> None:
    for act in (
        approvals.get("x"),
        approvals.expire("x"),
        approvals.withdraw("x"),
        approvals.answer("x", YES),
    ):
        with pytest.raises(ApprovalNotFound):
            await act


async def test_pages_are_newest_first_and_narrowed(approvals: Approvals) -> None:
    for number in range(1, 5):
        await approvals.ask(replace(ASKED, id=f"appr_{number}", run_id=f"run_{number % 2}"))
    await approvals.ask(replace(ASKED, id="appr_5", project_id="p_2"))
    await approvals.answer("appr_2", YES)

    async def ids(**query: Any) -> list[str]:
        return [one.id for one in await approvals.page(ApprovalQuery(**query))]

    assert await ids(limit=2) == ["appr_5", "appr_4"]
    assert await ids(before="appr_3") == ["appr_2", "appr_1"]
    assert await ids(state=ApprovalState.GRANTED) == ["appr_2"]
    assert await ids(run_id="run_1", state=ApprovalState.PENDING) == ["appr_5", "appr_3", "appr_1"]
    assert await ids(project_id="p_2") == ["appr_5"]


async def test_rules_are_replaced_whole_and_the_same_ones_change_nothing(
    approvals: Approvals, outbox: Outbox
) -> None:
    assert (await approvals.rules("p_1")).revision == 0
    deny = ApprovalRule(RuleAction.DENY, tool="Web*", host="*.example.org")
    made = await approvals.set_rules("p_1", [RULE, deny], "ada")
    assert await approvals.rules("p_1") == made
    assert (list(made.rules), made.revision, made.changed_by) == ([RULE, deny], 1, "ada")
    assert await approvals.set_rules("p_1", [RULE, deny], "ada") == made
    assert (await approvals.set_rules("p_1", [], "ada")).revision == 2
    assert (await approvals.rules("p_2")).rules == ()
    assert outbox.events[0].details["rules"] == [
        "allow command make\\ deploy", "deny tool Web* host *.example.org",
    ]  # fmt: skip


async def test_a_check_that_refuses_leaves_everything_as_it_was(approvals: Approvals, outbox: Outbox) -> None:
    def refuse(_: object) -> None:
        raise StaleTag("changed", etag="x")

    await approvals.ask(ASKED)
    for act in (approvals.answer("appr_1", ALWAYS, refuse), approvals.set_rules("p_1", [RULE], "a", refuse)):
        with pytest.raises(StaleTag):
            await act
    assert (await approvals.get("appr_1")).is_pending
    assert (await approvals.rules("p_1")).rules == ()


async def test_without_its_event_nothing_is_written(approvals: Approvals, outbox: Outbox) -> None:
    await approvals.ask(ASKED)
    outbox.broken = True
    acts = (
        approvals.ask(replace(ASKED, id="appr_2")),
        approvals.record(decided_by_rule(replace(ASKED, id="appr_3"), allow=True)),
        approvals.answer("appr_1", ALWAYS),
        approvals.expire("appr_1"),
        approvals.withdraw("appr_1"),
        approvals.set_rules("p_1", [RULE], "ada"),
    )
    for act in acts:
        with pytest.raises(OSError, match="no room"):
            await act
    assert list(await approvals.page(ApprovalQuery())) == [ASKED]
    assert (await approvals.rules("p_1")).rules == ()
