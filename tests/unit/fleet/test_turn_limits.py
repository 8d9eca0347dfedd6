"""What a limit that was passed makes of a turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from kyros.drivers.fake import CRASHED, DONE, Ends, FakeDriver, FakeProfiles, FakeSession, Says, fake_profile
from kyros.drivers.model import Launch, Outcome, Profile, ResultKind, Usage
from kyros.drivers.ports import Listener
from kyros.events.fake import FakeEventLog
from kyros.fleet.fake import (
    FakeMachine,
)
from kyros.fleet.model import Turn, TurnOrder
from tests.fleets import fleet_of

BREACH = "It used 5.0 GiB of memory and was stopped."


@dataclass
class Confining(FakeMachine):
    """Says where each program would be confined."""

    asked: list[tuple[str, Path, tuple[str, ...]]] = field(default_factory=list)

    async def confine(
        self, owner: str, worktree: Path, command: Sequence[str], env: object
    ) -> tuple[str, ...]:
        self.asked.append((owner, worktree, tuple(command)))
        return ("confine", "--")


@dataclass
class Remembering(FakeDriver):
    launches: list[Launch] = field(default_factory=list)

    async def open(self, profile: Profile, launch: Launch, listener: Listener) -> FakeSession:
        self.launches.append(launch)
        return await super().open(profile, launch, listener)


async def a_turn(driver: FakeDriver, machine: FakeMachine) -> Turn:
    fleet = fleet_of(driver, FakeProfiles({"fake": fake_profile()}), FakeEventLog(), machine=machine)
    return await fleet.turn(TurnOrder("run_1", "fake", "Do it.", Path("/w"), 60, "test"))


@pytest.mark.parametrize("outcome", [CRASHED, DONE], ids=["crashed", "done"])
async def test_a_breach_is_what_ended_the_turn_however_the_program_took_it(outcome: Outcome) -> None:
    told = replace(outcome, usage=Usage(input_tokens=7))
    turn = await a_turn(FakeDriver([Says("x"), Ends(told)]), FakeMachine(breach=BREACH))
    assert (turn.result_kind, turn.evidence, turn.note) == (ResultKind.FAILED, "limit", BREACH)
    assert turn.usage.input_tokens == 7


async def test_without_a_breach_the_turn_ends_as_the_program_did() -> None:
    turn = await a_turn(FakeDriver([Ends(CRASHED)]), FakeMachine())
    assert (turn.result_kind, turn.note) == (ResultKind.LOST, CRASHED.note)


async def test_an_agent_is_started_behind_what_confines_it() -> None:
    driver, machine = Remembering([Ends(DONE)]), Confining()
    turn = await a_turn(driver, machine)
    assert machine.asked == [(turn.session_id, Path("/w"), ("/fake/bin/fake",))]
    assert driver.launches[0].prefix == ("confine", "--")
