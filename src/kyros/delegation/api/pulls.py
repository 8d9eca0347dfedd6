"""Pull requests: look, merge, close. `{ref}` is an id, `project#number`, or a number only one project has."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from kyros.delegation.api.actor import Actor
from kyros.delegation.api.present import Presenter
from kyros.delegation.api.views import CheckView, MergeRequest, Page, PullView
from kyros.delegation.service import Pulls
from kyros.forge.model import PullState
from kyros.forge.ports import Forge

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=100)]


class Diff(Response):
    media_type = "text/x-diff"


def pulls_router(forge: Forge, pulls: Pulls, presenter: Presenter) -> APIRouter:
    router = APIRouter(prefix="/api/pulls", tags=["pulls"])

    @router.get("")
    async def list_pulls(
        state: PullState | None = None,
        project: str | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[PullView]:
        """Newest first."""
        project_id = (await forge.project(project)).id if project else None
        found = await forge.pulls(state, project_id, limit + 1, cursor)
        items = [await presenter.pull(pull) for pull in found[:limit]]
        return Page(items=items, next_cursor=items[-1].id if len(found) > limit else None)

    @router.get("/{ref}")
    async def get_pull(ref: str) -> PullView:
        return await presenter.pull(await forge.pull(ref))

    @router.get("/{ref}/diff", response_class=Diff)
    async def get_diff(ref: str) -> Diff:
        """Unified diff from the merge base to the head."""
        return Diff(await forge.diff((await forge.pull(ref)).id))

    @router.get("/{ref}/checks")
    async def get_checks(ref: str) -> Page[CheckView]:
        view = await presenter.pull(await forge.pull(ref))
        return Page(items=view.checks)

    @router.post("/{ref}/merge")
    async def merge_pull(ref: str, actor: Actor, body: MergeRequest | None = None) -> PullView:
        """Idempotent: a merged pull request is answered as it is."""
        wanted = body or MergeRequest()
        merge = pulls.merge_as_it_is if wanted.accept_failed_checks else pulls.merge
        pull = await merge(ref, actor)
        if wanted.push:
            await pulls.push(pull)
        return await presenter.pull(pull)

    @router.post("/{ref}/push")
    async def push_base(ref: str) -> PullView:
        """Fast-forward the base branch at the project's source."""
        pull = await forge.pull(ref)
        await pulls.push(pull)
        return await presenter.pull(pull)

    @router.post("/{ref}/close")
    async def close_pull(ref: str, actor: Actor) -> PullView:
        return await presenter.pull(await pulls.close(ref, actor))

    return router
