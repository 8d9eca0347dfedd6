"""GET /api/collab/state/{kind}: a whole collection at one moment, under one etag."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from kyros.collab.api.conditional import IfNoneMatch, not_modified, tagged
from kyros.collab.api.doorway import Caller, respond
from kyros.collab.model import Kind
from kyros.collab.ports import CollabStore, View
from kyros.collab.service.state import state_of, state_tag
from kyros.kernel.etag import matches_weakly


class StateView(BaseModel):
    """`data` is a mapping from a task's id, a lease's resource or an agent's name to its document."""

    data: dict[str, dict[str, Any]]
    etag: str


def state_router(store: CollabStore) -> APIRouter:
    router = APIRouter(prefix="/api/collab/state", tags=["collab"])

    @router.get("/{kind}", response_model=StateView, responses={304: {"description": "You have it."}})
    async def get_state(kind: Kind, principal: Caller, if_none_match: IfNoneMatch = None) -> Response:
        """Every task, lease or agent the caller may see."""
        projects = principal.visible_projects

        def read(view: View) -> tuple[str, Mapping[str, object]]:
            etag = state_tag(view, kind, projects)
            if if_none_match is not None and matches_weakly(if_none_match, etag):
                return etag, {}
            return etag, state_of(view, kind, projects, principal.name)

        etag, data = await store.read(read)
        known = not_modified(etag, if_none_match)
        return known or respond(tagged({"data": data, "etag": etag}, etag))

    return router
