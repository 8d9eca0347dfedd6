"""Agents over HTTP, under /api/collab/agents."""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from kyros.auth.model import RIGHTS, Principal, PrincipalKind, Right, Role, require
from kyros.auth.ports import Tokens
from kyros.collab.api.agent_bodies import (
    AgentListQuery,
    AgentPage,
    AgentPatchRequest,
    AgentRemoved,
    AgentRequest,
    AgentToken,
    AgentView,
    AvailabilityRequest,
    document_of,
)
from kyros.collab.api.conditional import IfMatch, IfNoneMatch, merge_patch_of, not_modified, tagged
from kyros.collab.api.doorway import Caller, Key, respond
from kyros.collab.api.task_bodies import Changed
from kyros.collab.model import Agent
from kyros.collab.model.registry import full_tag, is_visible
from kyros.collab.ports import Board, CollabStore, View
from kyros.collab.service import agents
from kyros.collab.service.agents import Minted
from kyros.collab.service.once import answered, answered_secretly
from kyros.kernel.answers import Answer

_KNOWN: dict[int | str, dict[str, Any]] = {304: {"description": "You have it."}}
_HANDS_OUT = (Right.OPERATE, *sorted(RIGHTS[Role.AGENT]))
"""Whoever gives an agent its rights must have them."""


def agents_router(store: CollabStore, tokens: Tokens) -> APIRouter:
    router = APIRouter(prefix="/api/collab/agents", tags=["collab"])
    _add_reading(router, store)
    _add_writing(router, store, tokens)
    _add_acts(router, store, tokens)
    return router


def _add_reading(router: APIRouter, store: CollabStore) -> None:
    @router.get("", response_model=AgentPage)
    async def list_agents(query: Annotated[AgentListQuery, Query()], principal: Caller) -> Response:
        """By name."""
        wanted = query.query(principal.visible_projects, principal.name)
        return _page(await store.read(lambda view: agents.find(view, wanted)), query.limit)

    @router.get("/{name}", response_model=AgentView, responses=_KNOWN)
    async def get_agent(name: str, principal: Caller, if_none_match: IfNoneMatch = None) -> Response:
        """One agent and where it stands."""
        agent = await store.read(lambda view: agents.shown(view, _visible(view, name, principal)))
        etag = full_tag(agent)
        return not_modified(etag, if_none_match) or respond(tagged(document_of(agent), etag))


def _add_writing(router: APIRouter, store: CollabStore, tokens: Tokens) -> None:
    @router.post("", status_code=201, response_model=AgentToken)
    async def register_agent(body: AgentRequest, principal: Caller, once: Key) -> Response:
        """Its token stands in this answer and nowhere else."""
        _require(principal, _HANDS_OUT, body.projects)
        new = body.agent()

        def work(board: Board) -> Minted:
            return agents.register(board, new, principal.name, tokens)

        where = {"Location": f"/api/collab/agents/{new.name}"}
        return respond(await answered_secretly(store, once, work, _told(201, where)))

    @router.patch("/{name}", response_model=Changed, openapi_extra=merge_patch_of("AgentPatchRequest"))
    async def patch_agent(
        name: str, body: AgentPatchRequest, principal: Caller, once: Key, if_match: IfMatch = None
    ) -> Response:
        """Change what people set, on the version that If-Match names."""
        wanted, projects = body.change(), principal.visible_projects

        def work(board: Board) -> Agent:
            agent = _operable(board, name, principal)
            agents.match(board, agent, if_match, projects)
            if "projects" in wanted.fields:
                _require(principal, _HANDS_OUT, wanted.fields["projects"])
            changed = agents.change(board, agent, wanted, principal.name, tokens)
            return agents.shown(board, changed)

        return respond(await answered(store, once, work, _changed))

    @router.delete("/{name}", response_model=AgentRemoved)
    async def remove_agent(name: str, principal: Caller, once: Key) -> Response:
        """Its token dies, what it held is free."""

        def work(board: Board) -> None:
            agents.remove(board, _operable(board, name, principal), principal.name, tokens)

        return respond(await answered(store, once, work, lambda _: Answer(200, '{"ok":true}')))


def _add_acts(router: APIRouter, store: CollabStore, tokens: Tokens) -> None:
    @router.post("/{name}/availability", response_model=Changed)
    async def set_availability(
        name: str, body: AvailabilityRequest, principal: Caller, once: Key
    ) -> Response:
        """Whether it takes work: said by itself or by an operator."""

        def work(board: Board) -> Agent:
            agent = _visible(board, name, principal)
            if principal.kind is not PrincipalKind.AGENT or principal.name != name:
                _require(principal, [Right.OPERATE], agent.projects)
            return agents.shown(board, agents.set_available(board, agent, body.available, principal.name))

        return respond(await answered(store, once, work, _changed))

    @router.post("/{name}/token", response_model=AgentToken)
    async def renew_token(name: str, principal: Caller, once: Key) -> Response:
        """The old token dies; the new one stands in this answer and nowhere else."""

        def work(board: Board) -> Minted:
            agent = _operable(board, name, principal)
            _require(principal, _HANDS_OUT, agent.projects)
            return agents.renew_token(board, agent, principal.name, tokens)

        return respond(await answered_secretly(store, once, work, _told(200, {})))


def _visible(view: View, name: str, principal: Principal) -> Agent:
    """Raises AgentNotFound also for an agent of projects that are not theirs to read, in the same words."""
    agent = view.agent(name)
    if agent is None or not is_visible(agent, principal.visible_projects, principal.name):
        raise agents.not_there(name)
    return agent


def _operable(view: View, name: str, principal: Principal) -> Agent:
    agent = _visible(view, name, principal)
    _require(principal, [Right.OPERATE], agent.projects)
    return agent


def _require(principal: Principal, rights: Iterable[Right], projects: Sequence[str]) -> None:
    """In each of the projects; in the installation when there are none. Raises NotAllowed."""
    for right in rights:
        for project_id in projects or (None,):
            require(principal, right, project_id)


def _page(found: Sequence[Agent], limit: int) -> Response:
    items = [document_of(agent) for agent in found[:limit]]
    further = found[limit - 1].name if len(found) > limit else None
    return Response(orjson.dumps({"items": items, "next_cursor": further}), media_type="application/json")


def _told(status: int, headers: dict[str, str]) -> Callable[[Minted], tuple[Answer, Answer]]:
    """The answer with the token, and the one without it that a repetition gets."""

    def render(minted: Minted) -> tuple[Answer, Answer]:
        name, etag = minted.agent.name, full_tag(minted.agent)
        now = tagged({"name": name, "token": minted.token}, etag, status, headers)
        return now, tagged({"name": name, "token": None}, etag, status, headers)

    return render


def _changed(agent: Agent) -> Answer:
    etag = full_tag(agent)
    return tagged({"ok": True, "etag": etag}, etag)
