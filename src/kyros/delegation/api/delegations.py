"""POST /api/delegations: hand a task over; the answer comes before the agent starts."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from kyros.delegation.api.actor import Actor
from kyros.delegation.api.present import handed_over
from kyros.delegation.api.views import DelegationRequest, DelegationView
from kyros.delegation.model import Order
from kyros.delegation.service import Delegations

Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]


def delegations_router(delegations: Delegations) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["delegations"])

    @router.post("/delegations", status_code=201)
    async def delegate(
        body: DelegationRequest, request: Request, response: Response, actor: Actor, key: Key = None
    ) -> DelegationView:
        """Branch, TASK.md and pull request are there when this answers; the code follows."""
        order = Order(**body.model_dump())
        made = await delegations.hand_over(order, actor, f"{actor}/{key}" if key else None)
        response.headers["Location"] = f"/api/runs/{made.run.id}"
        return handed_over(made, str(request.base_url).rstrip("/"))

    return router
