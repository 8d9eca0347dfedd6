"""GET /api/usage: what turns have used, summed up."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel

from kyros.auth.api import Caller
from kyros.auth.model import Principal, Right, require_somewhere
from kyros.fleet.model.usage import By, UsageQuery, UsageRow
from kyros.fleet.ports import Ledger
from kyros.forge.errors import no_project
from kyros.forge.ports import Forge
from kyros.kernel.clock import to_text

Text = Annotated[str | None, Query(max_length=200)]


class UsageView(BaseModel):
    """Sums of what was measured, null where nothing was; `key` is of the first `by`, `subkey` of the
    second."""

    key: str | None
    subkey: str | None
    turns: int
    runs: int
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_creation_tokens: int | None
    cost_usd: float | None
    duration_ms: int | None
    tool_calls: int | None
    unmeasured_turns: int


class UsagePage(BaseModel):
    items: list[UsageView]
    next_cursor: str | None = None


def usage_router(ledger: Ledger, forge: Forge) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["usage"])

    @router.get("/usage")
    async def get_usage(
        principal: Caller,
        by: Annotated[list[By], Query(min_length=1, max_length=2)] = [By.AGENT],  # noqa: B006 - never changed
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        project: Text = None,
        agent: Text = None,
        task: Text = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        cursor: Annotated[int, Query(ge=0, le=10**9)] = 0,
    ) -> UsagePage:
        """Of the projects one may read, ordered by key. Days are those of UTC."""
        query = UsageQuery(
            by=by,
            projects=await _visible(forge, principal, project),
            since=to_text(since) if since else None,
            until=to_text(until) if until else None,
            agent=agent,
            task=task,
            offset=cursor,
            limit=limit + 1,
        )
        rows = await ledger.roll_up(query)
        following = str(cursor + limit) if len(rows) > limit else None
        return UsagePage(items=[_view(row) for row in rows[:limit]], next_cursor=following)

    return router


async def _visible(forge: Forge, principal: Principal, ref: str | None) -> frozenset[str] | None:
    """None: all there is. Raises NotAllowed, ProjectNotFound."""
    require_somewhere(principal, Right.READ)
    if ref is None:
        return principal.visible_projects
    project = await forge.project(ref)
    if not principal.may(Right.READ, project.id):
        raise no_project(ref)
    return frozenset({project.id})


def _view(row: UsageRow) -> UsageView:
    key, subkey = (*row.keys, None)[:2]
    figures = {name: getattr(row, name) for name in UsageView.model_fields if name not in ("key", "subkey")}
    return UsageView(key=key, subkey=subkey, **figures)
