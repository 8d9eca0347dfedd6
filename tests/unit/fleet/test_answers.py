"""Who waits for a person goes on waiting while the database is away."""

from dataclasses import replace
from typing import Any

import pytest

from kyros.drivers.model import ActionKind
from kyros.fleet.model import Approval, ApprovalState
from kyros.fleet.service import Answers
from kyros.kernel.errors import Busy, KyrosError, Upstream

ASKED = Approval(
    id="appr_1", turn_id="turn_1", run_id="run_1", agent="playbook", state=ApprovalState.PENDING,
    kind=ActionKind.COMMAND, tool="", subject="make", text="", rule="ask", digest="", asked_at="",
)  # fmt: skip
GRANTED, EXPIRED = (replace(ASKED, state=state) for state in (ApprovalState.GRANTED, ApprovalState.EXPIRED))


class Away:
    """Says one thing after the other."""

    def __init__(self, *said: Approval | KyrosError) -> None:
        self.said = list(said)

    async def get(self, _: str) -> Approval:
        one = self.said.pop(0)
        if isinstance(one, KyrosError):
            raise one
        return one

    expire = get


def answers(*said: Approval | KyrosError) -> Answers:
    approvals: Any = Away(*said)
    return Answers(approvals, look_seconds=0.001)


@pytest.mark.parametrize("error", [Busy("locked"), Upstream("gone")])
async def test_one_look_that_fails_ends_no_waiting(error: KyrosError) -> None:
    assert await answers(ASKED, error, error, GRANTED).wait("appr_1", 60) == GRANTED


async def test_what_is_late_expires_when_the_database_is_back() -> None:
    assert await answers(Busy("locked"), Upstream("gone"), EXPIRED).wait("appr_1", 0) == EXPIRED


async def test_another_error_is_one() -> None:
    with pytest.raises(KyrosError, match="no such"):
        await answers(KyrosError("no such")).wait("appr_1", 60)
