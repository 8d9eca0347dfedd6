"""What a caller sees: what is in the projects they may read; all else is as if it were not there."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from kyros.auth.model import Principal, Right, require, require_somewhere
from kyros.forge.errors import no_project
from kyros.forge.model import Project
from kyros.forge.ports import Forge
from kyros.kernel.errors import NotFound


class Numbered(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=Numbered)


async def seen(
    principal: Principal,
    project_id: str | None,
    limit: int,
    fetch: Callable[[str | None], Awaitable[Sequence[T]]],
) -> Sequence[T]:
    """Newest first, at most `limit`: of one project, or of all that the caller may read. `fetch` gives as
    many of one project, or (None) of all. Raises NotAllowed."""
    if project_id is not None:
        require(principal, Right.READ, project_id)
        return await fetch(project_id)
    require_somewhere(principal, Right.READ)
    visible = principal.visible_projects
    if visible is None:
        return await fetch(None)
    found = [one for project in sorted(visible) for one in await fetch(project)]
    return sorted(found, key=lambda one: one.id, reverse=True)[:limit]


def require_or_hide(principal: Principal, right: Right, project_id: str, not_there: NotFound) -> None:
    """Raises NotAllowed only for those who may read it, and else that it is not there."""
    if not principal.may(right, project_id) and not principal.may(Right.READ, project_id):
        raise not_there
    require(principal, right, project_id)


async def named_project(forge: Forge, principal: Principal, right: Right, ref: str) -> Project:
    """Raises ProjectNotFound, NotAllowed."""
    project = await forge.project(ref)
    require_or_hide(principal, right, project.id, no_project(ref))
    return project
