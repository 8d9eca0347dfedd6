"""POST /api/delegations: hand a task over; the answer comes before the agent starts."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from kyros.auth.api import Caller
from kyros.auth.model import Right, require
from kyros.collab.model import Budget
from kyros.delegation.api.present import handed_over
from kyros.delegation.api.views import DelegationRequest, DelegationView
from kyros.delegation.model import Order
from kyros.delegation.service import Delegations
from kyros.fleet.api.seen import named_project
from kyros.forge.ports import Forge

Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]


def delegations_router(delegations: Delegations, forge: Forge) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["delegations"])

    @router.post("/delegations", status_code=201)
    async def delegate(
        body: DelegationRequest, request: Request, response: Response, principal: Caller, key: Key = None
    ) -> DelegationView:
        """Branch, TASK.md and pull request are there when this answers; the code follows. Naming a
        repository takes the right in the installation, for it may become a project."""
        if body.project and not body.repo:
            await named_project(forge, principal, Right.OPERATE, body.project)
        else:
            require(principal, Right.OPERATE)
        budget = Budget(**body.budget.model_dump()) if body.budget else Budget()
        order, actor = Order(**body.model_dump(exclude={"budget"}), budget=budget), principal.name
        made = await delegations.hand_over(order, actor, f"{actor}/{key}" if key else None)
        response.headers["Location"] = f"/api/runs/{made.run.id}"
        return handed_over(made, str(request.base_url).rstrip("/"))

    return router
