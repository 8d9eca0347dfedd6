"""Projects and the profiles of agents that can work on them."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, StringConstraints

from kyros.auth.api import Caller
from kyros.auth.model import Right, require, require_somewhere
from kyros.delegation.api.present import Presenter
from kyros.delegation.api.views import Page, ProfileView, ProjectView
from kyros.delegation.ports import RunStore
from kyros.delegation.service import Delegations
from kyros.fleet.api.seen import named_project
from kyros.forge.ports import Forge


class ProjectSettingsRequest(BaseModel):
    """`check_command` is one line of shell run in the worktree; null removes it. kyros.toml comes first."""

    model_config = ConfigDict(extra="forbid")

    check_command: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)] | None
    )


def projects_router(
    forge: Forge, runs: RunStore, presenter: Presenter, delegations: Delegations
) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["projects"])

    @router.get("/projects")
    async def list_projects(principal: Caller) -> Page[ProjectView]:
        """Those one may read."""
        require_somewhere(principal, Right.READ)
        found = [one for one in await forge.projects() if principal.may(Right.READ, one.id)]
        return Page(items=[await presenter.project(project) for project in found])

    @router.get("/projects/{ref}")
    async def get_project(ref: str, principal: Caller) -> ProjectView:
        project = await named_project(forge, principal, Right.READ, ref)
        return await presenter.project(project)

    @router.put("/projects/{ref}/settings")
    async def set_project(ref: str, body: ProjectSettingsRequest, principal: Caller) -> ProjectView:
        """An admin's: the command runs on the worker's machine."""
        project = await named_project(forge, principal, Right.ADMIN, ref)
        await runs.set_project_checks(project.id, body.check_command, principal.name)
        return await presenter.project(project)

    @router.get("/profiles")
    async def list_profiles(principal: Caller) -> Page[ProfileView]:
        require_somewhere(principal, Right.READ)
        return Page(items=await presenter.profiles())

    @router.post("/profiles/{profile}/resume")
    async def resume_profile(profile: str, principal: Caller) -> ProfileView:
        """Its runs go on now, whatever its vendor said; idempotent."""
        require(principal, Right.OPERATE)
        await delegations.resume(profile, principal.name)
        return next(one for one in await presenter.profiles() if one.name == profile)

    return router
