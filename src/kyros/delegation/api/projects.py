"""Projects and the profiles of agents that can work on them."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, StringConstraints

from kyros.delegation.api.actor import Actor
from kyros.delegation.api.present import Presenter
from kyros.delegation.api.views import Page, ProfileView, ProjectView
from kyros.delegation.ports import RunStore
from kyros.forge.ports import Forge


class ProjectSettingsRequest(BaseModel):
    """`check_command` is one line of shell run in the worktree; null removes it. kyros.toml comes first."""

    model_config = ConfigDict(extra="forbid")

    check_command: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)] | None
    )


def projects_router(forge: Forge, runs: RunStore, presenter: Presenter) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["projects"])

    @router.get("/projects")
    async def list_projects() -> Page[ProjectView]:
        return Page(items=[await presenter.project(project) for project in await forge.projects()])

    @router.get("/projects/{ref}")
    async def get_project(ref: str) -> ProjectView:
        return await presenter.project(await forge.project(ref))

    @router.put("/projects/{ref}/settings")
    async def set_project(ref: str, body: ProjectSettingsRequest, actor: Actor) -> ProjectView:
        project = await forge.project(ref)
        await runs.set_project_checks(project.id, body.check_command, actor)
        return await presenter.project(project)

    @router.get("/profiles")
    async def list_profiles() -> Page[ProfileView]:
        return Page(items=presenter.profiles())

    return router
