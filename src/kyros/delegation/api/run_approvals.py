"""Answer the one request that a run waits for, by the run's id."""

from fastapi import APIRouter

from kyros.auth.api import Caller
from kyros.auth.model import Principal, Right
from kyros.delegation.errors import no_run
from kyros.delegation.ports import RunStore
from kyros.fleet.api import ApprovalDoor, ApprovalView, ApproveRequest, DenyRequest, approval_view
from kyros.fleet.api.seen import require_or_hide


def run_approvals_router(runs: RunStore, door: ApprovalDoor) -> APIRouter:
    router = APIRouter(prefix="/api/runs", tags=["approvals"])

    async def wanted(principal: Principal, run_id: str, allow: bool) -> str:
        run = await runs.get(run_id)
        require_or_hide(principal, Right.REVIEW, run.project_id, no_run(run_id))
        return (await door.wanted_of(run.id, allow)).id

    @router.post("/{run_id}/approve")
    async def approve_run(run_id: str, principal: Caller, body: ApproveRequest | None = None) -> ApprovalView:
        """The same answer again changes nothing. 409 where it waits for none, or for several."""
        scope = (body or ApproveRequest()).scope
        approval_id = await wanted(principal, run_id, True)
        return approval_view(await door.approve(principal, approval_id, scope, None))

    @router.post("/{run_id}/deny")
    async def deny_run(run_id: str, principal: Caller, body: DenyRequest | None = None) -> ApprovalView:
        """The same answer again changes nothing. 409 where it waits for none, or for several."""
        note = (body or DenyRequest()).note
        approval_id = await wanted(principal, run_id, False)
        return approval_view(await door.deny(principal, approval_id, note, None))

    return router
