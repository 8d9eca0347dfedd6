"""Approvals over HTTP: look, and answer for the agent's work to go on."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from kyros.auth.api import Caller
from kyros.auth.model import Principal, PrincipalKind, Right, require
from kyros.fleet.api.seen import named_project, require_or_hide, seen
from kyros.fleet.api.views import (
    ApprovalPage,
    ApprovalView,
    ApproveRequest,
    DenyRequest,
    approval_tag,
    approval_view,
)
from kyros.fleet.errors import NothingPending, OwnRequest, SeveralPending, no_approval
from kyros.fleet.model import Answer, Approval, ApprovalQuery, ApprovalState, Scope
from kyros.fleet.ports import Approvals
from kyros.forge.ports import Forge
from kyros.kernel.etag import require_match

IfMatch = Annotated[
    str | None, Header(max_length=2_000, description="The etag of what you saw: 412 if it is another now.")
]
_NO_PROJECT = ""
"""What no project has asked: only who may read everywhere sees it."""


class ApprovalDoor:
    """Who may see and answer what, for every route that does. The requester's kind never answers."""

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals

    async def allowed(self, principal: Principal, right: Right, approval_id: str) -> Approval:
        """Raises ApprovalNotFound, NotAllowed."""
        approval = await self._approvals.get(approval_id)
        not_there = no_approval(approval_id)
        require_or_hide(principal, right, approval.project_id or _NO_PROJECT, not_there)
        return approval

    async def approve(
        self, principal: Principal, approval_id: str, scope: Scope, if_match: str | None
    ) -> Approval:
        """`always` changes the project's rules: that takes the right to operate."""
        approval = await self.allowed(principal, Right.REVIEW, approval_id)
        if scope is Scope.ALWAYS:
            require(principal, Right.OPERATE, approval.project_id)
        return await self._answer(principal, approval_id, Answer(principal.name, True, scope), if_match)

    async def deny(self, principal: Principal, approval_id: str, note: str, if_match: str | None) -> Approval:
        await self.allowed(principal, Right.REVIEW, approval_id)
        answer = Answer(principal.name, False, note=note)
        return await self._answer(principal, approval_id, answer, if_match)

    async def pending_of(self, run_id: str) -> Approval:
        """The one that its run waits for. Raises NothingPending, SeveralPending."""
        query = ApprovalQuery(ApprovalState.PENDING, run_id)
        pending = [one.id for one in await self._approvals.page(query)]
        if not pending:
            raise NothingPending(f"The run {run_id} waits for no approval.")
        if len(pending) > 1:
            raise SeveralPending(
                f"The run {run_id} waits for several approvals, answer each by its id: {', '.join(pending)}.",
                approvals=pending,
            )
        return await self._approvals.get(pending[0])

    async def wanted_of(self, run_id: str, allow: bool) -> Approval:
        """The one that its run waits for; where it waits for none the last one that a person was asked, if
        it was answered so already. Raises NothingPending, SeveralPending."""
        try:
            return await self.pending_of(run_id)
        except NothingPending:
            known = await self._approvals.page(ApprovalQuery(None, run_id))
            last = next((one for one in known if one.expires_at is not None), None)
            if last is None or last.decided_by is None or last.allowed != allow:
                raise
            return last

    async def _answer(
        self, principal: Principal, approval_id: str, answer: Answer, if_match: str | None
    ) -> Approval:
        if principal.kind is PrincipalKind.AGENT:
            raise OwnRequest("An agent cannot answer what agents ask: a person must.")

        def check(approval: Approval) -> None:
            if if_match is not None:
                require_match(if_match, approval_tag(approval))

        return await self._approvals.answer(approval_id, answer, check)


def approvals_router(approvals: Approvals, forge: Forge) -> APIRouter:
    router = APIRouter(prefix="/api/approvals", tags=["approvals"])
    door = ApprovalDoor(approvals)

    @router.get("")
    async def list_approvals(
        principal: Caller,
        status: ApprovalState | None = None,
        run: Annotated[str | None, Query(max_length=100)] = None,
        project: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, Query(max_length=100)] = None,
    ) -> ApprovalPage:
        """Newest first, of the projects one may read."""
        project_id = (await named_project(forge, principal, Right.READ, project)).id if project else None
        found = await seen(
            principal,
            project_id,
            limit + 1,
            lambda one: approvals.page(ApprovalQuery(status, run, one, cursor, limit + 1)),
        )
        items = [approval_view(one) for one in found[:limit]]
        return ApprovalPage(items=items, next_cursor=items[-1].id if len(found) > limit else None)

    @router.get("/{approval_id}")
    async def get_approval(approval_id: str, principal: Caller, response: Response) -> ApprovalView:
        return _tagged(await door.allowed(principal, Right.READ, approval_id), response)

    @router.post("/{approval_id}/approve")
    async def approve(
        approval_id: str,
        principal: Caller,
        response: Response,
        body: ApproveRequest | None = None,
        if_match: IfMatch = None,
    ) -> ApprovalView:
        """Once, or always; decided once: the same answer again changes nothing."""
        scope = (body or ApproveRequest()).scope
        return _tagged(await door.approve(principal, approval_id, scope, if_match), response)

    @router.post("/{approval_id}/deny")
    async def deny(
        approval_id: str,
        principal: Caller,
        response: Response,
        body: DenyRequest | None = None,
        if_match: IfMatch = None,
    ) -> ApprovalView:
        note = (body or DenyRequest()).note
        return _tagged(await door.deny(principal, approval_id, note, if_match), response)

    return router


def _tagged(approval: Approval, response: Response) -> ApprovalView:
    response.headers["ETag"] = approval_tag(approval)
    return approval_view(approval)
