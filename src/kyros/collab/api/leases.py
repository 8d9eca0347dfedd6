"""Leases over HTTP, under /api/collab/leases. The holder is the caller, never a word of the body."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import APIRouter, Body, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from kyros.auth.model import Principal, PrincipalKind, Right, require
from kyros.collab.api.doorway import Caller, Key, respond
from kyros.collab.api.lease_bodies import (
    AcquireRequest,
    LeaseListQuery,
    LeasePage,
    LockView,
    Reclaimed,
    ReclaimRequest,
    Released,
    lease_view,
    lock_view,
)
from kyros.collab.model import Lease
from kyros.collab.model.resource import parse_resource
from kyros.collab.ports import Board, View
from kyros.collab.service import agents
from kyros.collab.service.holding import heartbeat_lock, project_of, release_lock
from kyros.collab.service.leases import (
    Leases,
    Wish,
    reclaim_expired,
    reclaim_lock,
    reclaim_resource,
)
from kyros.collab.service.once import answered
from kyros.kernel.answers import Answer, Once

T = TypeVar("T")

LockPath = Annotated[str, Path(min_length=1, max_length=100)]


def leases_router(leases: Leases) -> APIRouter:
    router = APIRouter(prefix="/api/collab/leases", tags=["collab"])
    _add_list(router, leases)
    _add_taking(router, leases)
    _add_keeping(router, leases)
    return router


def _add_list(router: APIRouter, leases: Leases) -> None:
    @router.get("", response_model=LeasePage)
    async def list_leases(query: Annotated[LeaseListQuery, Query()], principal: Caller) -> Response:
        """By resource: those of projects the caller may see, and their own."""
        _require_somewhere(principal, Right.READ)

        def read(view: View) -> Mapping[str, object]:
            near = view.all_leases() if query.resource is None else view.leases_under(query.resource)
            wanted = sorted(
                (one for one in near if query.matches(one, view.now)), key=lambda one: one.resource
            )
            seen = [lease for lease in wanted if _sees(view, principal, lease)][: query.limit + 1]
            further = seen[query.limit - 1].resource if len(seen) > query.limit else None
            items = [lease_view(lease, view.now) for lease in seen[: query.limit]]
            return {"items": items, "next_cursor": further}

        return Response(orjson.dumps(await leases.store.read(read)), media_type="application/json")


def _add_taking(router: APIRouter, leases: Leases) -> None:
    @router.post("/acquire", status_code=201, response_model=LockView)
    async def acquire(body: AcquireRequest, request: Request, principal: Caller, once: Key) -> Response:
        """All of them or none. Held by somebody else: 409 with `holder`, `resource` and `retry_after_ms`.
        What the caller holds already keeps its token and gets a heartbeat."""
        wish = Wish(body.wanted, principal.name, body.ttl_seconds)

        def before(board: Board) -> Answer | None:
            _check_rights(board, principal, wish.resources)
            return None if once is None else board.recall(once)

        def finish(board: Board, taken: Sequence[Lease]) -> Answer:
            return _kept(board, once, Answer(201, _text(lock_view(taken, board.now))))

        taking = leases.take(wish, body.wait_seconds, before, finish)
        if not body.wait_seconds:
            return respond(await taking)
        answer = await _unless_gone(request, taking)
        return Response(status_code=408) if answer is None else respond(answer)

    @router.post("/reclaim", response_model=Reclaimed)
    async def reclaim(
        principal: Caller, once: Key, body: Annotated[ReclaimRequest | None, Body()] = None
    ) -> Response:
        """Take back all that has run out, or one lock by force: its holder learns it by a heartbeat."""
        require(principal, Right.OPERATE)
        taking = _reclaiming(body or ReclaimRequest(), principal.name)

        def work(board: Board) -> Mapping[str, object]:
            taken = [lease_view(lease, board.now) for lease in taking(board)]
            return {"ok": True, "leases": taken}

        return respond(await answered(leases.store, once, work, _answer))


def _add_keeping(router: APIRouter, leases: Leases) -> None:
    @router.post("/{lock_id}/heartbeat", response_model=LockView)
    async def heartbeat(lock_id: LockPath, principal: Caller, once: Key) -> Response:
        """One TTL more for all leases of the lock. After it ran out: 409, never a resurrection."""
        _require_somewhere(principal, Right.LEASE)

        def work(board: Board) -> Mapping[str, object]:
            kept = heartbeat_lock(board, principal.name, lock_id)
            _check_rights(board, principal, [lease.resource for lease in kept])
            return lock_view(kept, board.now)

        return respond(await answered(leases.store, once, work, _answer))

    @router.post("/{lock_id}/release", response_model=Released)
    async def release(lock_id: LockPath, principal: Caller, once: Key) -> Response:
        """Give it back; one that is gone already is fine."""
        _require_somewhere(principal, Right.LEASE)

        def work(board: Board) -> Mapping[str, object]:
            release_lock(board, principal.name, lock_id)
            return {"ok": True}

        return respond(await answered(leases.store, once, work, _answer))


def _reclaiming(wanted: ReclaimRequest, actor: str) -> Callable[[Board], Sequence[Lease]]:
    if wanted.lock_id is not None:
        lock_id = wanted.lock_id
        return lambda board: reclaim_lock(board, lock_id, actor)
    if wanted.resource is not None:
        resource = wanted.resource
        return lambda board: reclaim_resource(board, resource, actor)
    return lambda board: reclaim_expired(board, actor)


def _check_rights(view: View, principal: Principal, resources: Sequence[str]) -> None:
    """LEASE in each one's project, or everywhere for what has none; a run is Kyros' own and an operator's. A
    task that is not theirs to read is as if it were not there. Raises NotAllowed, ResourceInvalid, and
    AgentNotFound for an agent removed while it waited: nothing may be taken in its name any more."""
    if principal.kind is PrincipalKind.AGENT:
        agents.get(view, principal.name)
    for name in resources:
        resource = parse_resource(name)
        right = Right.OPERATE if resource.is_ours else Right.LEASE
        project_id = project_of(view, resource)
        hidden = resource.task_id is not None and not principal.may(Right.READ, project_id)
        require(principal, right, None if hidden else project_id)


def _require_somewhere(principal: Principal, right: Right) -> None:
    """In some project at least; which one, the resources say."""
    if not any(principal.may(right, project_id) for project_id in principal.projects):
        require(principal, right)


def _sees(view: View, principal: Principal, lease: Lease) -> bool:
    if lease.holder == principal.name:
        return True
    return principal.may(Right.READ, project_of(view, parse_resource(lease.resource)))


def _kept(board: Board, once: Once | None, answer: Answer) -> Answer:
    if once is not None:
        board.remember(once, answer)
    return answer


def _answer(content: Mapping[str, object]) -> Answer:
    return Answer(200, _text(content))


def _text(content: Mapping[str, object]) -> str:
    return orjson.dumps(content).decode()


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T | None:
    """What `work` makes; None when whoever asked hung up first: then it is called off."""
    working, leaving = asyncio.create_task(work), asyncio.create_task(_hung_up(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
