"""Pull requests: look, merge, close. `{ref}` is an id, `project#number`, or a number only one project has."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from kyros.auth.api import Caller
from kyros.auth.model import Principal, Right
from kyros.delegation.api.present import Presenter
from kyros.delegation.api.views import CheckView, MergeRequest, Page, PullView
from kyros.delegation.service import Pulls
from kyros.fleet.api.seen import named_project, require_or_hide, seen
from kyros.forge.errors import PullNotFound, no_pull
from kyros.forge.model import Pull, PullState
from kyros.forge.ports import Forge

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=100)]


class Diff(Response):
    media_type = "text/x-diff"


def pulls_router(forge: Forge, pulls: Pulls, presenter: Presenter) -> APIRouter:
    router = APIRouter(prefix="/api/pulls", tags=["pulls"])

    async def allowed(principal: Principal, right: Right, ref: str) -> Pull:
        """Raises PullNotFound, NotAllowed."""
        try:
            pull = await forge.pull(ref)
        except PullNotFound as error:  # it may name projects that have one of this number
            raise error if principal.visible_projects is None else no_pull(ref) from None
        require_or_hide(principal, right, pull.project_id, no_pull(ref))
        return pull

    @router.get("")
    async def list_pulls(
        principal: Caller,
        state: PullState | None = None,
        project: str | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[PullView]:
        """Newest first, of the projects one may read."""
        project_id = (await named_project(forge, principal, Right.READ, project)).id if project else None
        found = await seen(
            principal, project_id, limit + 1, lambda one: forge.pulls(state, one, limit + 1, cursor)
        )
        items = [await presenter.pull(pull) for pull in found[:limit]]
        return Page(items=items, next_cursor=items[-1].id if len(found) > limit else None)

    @router.get("/{ref}")
    async def get_pull(ref: str, principal: Caller) -> PullView:
        return await presenter.pull(await allowed(principal, Right.READ, ref))

    @router.get("/{ref}/diff", response_class=Diff)
    async def get_diff(ref: str, principal: Caller) -> Diff:
        """Unified diff from the merge base to the head."""
        return Diff(await forge.diff((await allowed(principal, Right.READ, ref)).id))

    @router.get("/{ref}/checks")
    async def get_checks(ref: str, principal: Caller) -> Page[CheckView]:
        view = await presenter.pull(await allowed(principal, Right.READ, ref))
        return Page(items=view.checks)

    @router.post("/{ref}/merge")
    async def merge_pull(ref: str, principal: Caller, body: MergeRequest | None = None) -> PullView:
        """Idempotent: a merged pull request is answered as it is."""
        await allowed(principal, Right.REVIEW, ref)
        wanted = body or MergeRequest()
        merge = pulls.merge_as_it_is if wanted.accept_failed_checks else pulls.merge
        pull = await merge(ref, principal.name)
        if wanted.push:
            await pulls.push(pull)
        return await presenter.pull(pull)

    @router.post("/{ref}/push")
    async def push_base(ref: str, principal: Caller) -> PullView:
        """Fast-forward the base branch at the project's source."""
        pull = await allowed(principal, Right.REVIEW, ref)
        await pulls.push(pull)
        return await presenter.pull(pull)

    @router.post("/{ref}/close")
    async def close_pull(ref: str, principal: Caller) -> PullView:
        await allowed(principal, Right.REVIEW, ref)
        return await presenter.pull(await pulls.close(ref, principal.name))

    return router
