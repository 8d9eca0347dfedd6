"""Budgets over HTTP: look, set, take away."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from kyros.auth.api import Caller
from kyros.auth.model import Principal, Right, require, require_somewhere
from kyros.collab.api.task_bodies import BudgetRequest
from kyros.collab.model import Budget
from kyros.collab.service.tasks import Tasks
from kyros.drivers.ports import Profiles
from kyros.fleet.api.seen import named_project, require_or_hide
from kyros.fleet.errors import BudgetRefused
from kyros.fleet.model.budget import EVERY, Scope, is_budget
from kyros.fleet.ports import Budgets, Ledger
from kyros.forge.errors import no_project
from kyros.forge.ports import Forge
from kyros.kernel.clock import Clock, to_text

Key = Annotated[str, Path(max_length=200, pattern=r"^[A-Za-z0-9_.*@-]+$")]


class SpentView(BaseModel):
    """What was used by now; `unmeasured_turns` had neither tokens nor money and count as nothing."""

    tokens: int
    usd: float
    minutes: float
    unmeasured_turns: int


class CapView(BaseModel):
    """Null is no limit. `used` is null for a budget that holds for each of many."""

    scope: Scope
    key: str
    tokens: int | None
    usd: float | None
    minutes: float | None
    used: SpentView | None


class CapPage(BaseModel):
    items: list[CapView]
    next_cursor: str | None = None


@dataclass(frozen=True)
class Named:
    """Whether there is what a budget is for."""

    forge: Forge
    profiles: Profiles
    tasks: Tasks

    async def key_of(self, principal: Principal, right: Right, scope: Scope, ref: str) -> str:
        """Raises NotAllowed, ProjectNotFound, ProfileNotFound, TaskNotFound."""
        if scope is Scope.PROJECT and ref != EVERY:
            return (await named_project(self.forge, principal, right, ref)).id
        require(principal, right)
        if scope is Scope.AGENT and ref != EVERY:
            return self.profiles.get(ref).name
        if scope is Scope.TASK and ref != EVERY:
            return (await self.tasks.get(ref)).id
        return ref


def budgets_router(budgets: Budgets, ledger: Ledger, named: Named, clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/api/budgets", tags=["budgets"])

    async def key_of(principal: Principal, right: Right, scope: Scope, ref: str) -> str:
        """What is set already may be looked at and taken away, though it is gone what it was for."""
        if (scope, ref) in await budgets.all():
            if (project_id := _project_of(scope, ref)) is not None:
                require_or_hide(principal, right, project_id, no_project(ref))
            else:
                require(principal, right)
            return ref
        return await named.key_of(principal, right, scope, ref)

    async def view(scope: Scope, key: str, rows: Mapping[tuple[Scope, str], Budget]) -> CapView:
        budget = rows.get((scope, key), Budget())
        used = None
        if key != EVERY or scope is Scope.DAY:
            spent = await ledger.spent(scope, key, to_text(clock())[:10])
            used = SpentView(**vars(spent))
        return CapView(scope=scope, key=key, **vars(budget), used=used)

    @router.get("")
    async def list_budgets(principal: Caller) -> CapPage:
        """Those that are set: of the installation for who may read all of it, of a project for its
        readers."""
        require_somewhere(principal, Right.READ)
        rows = await budgets.all()
        seen = [name for name in rows if _may_read(principal, *name)]
        return CapPage(items=[await view(*name, rows) for name in seen])

    @router.get("/{scope}/{key}")
    async def get_budget(scope: Scope, key: Key, principal: Caller) -> CapView:
        """Without limits when it is not set. A project may be named; 404 for what there is not."""
        found = await key_of(principal, Right.READ, scope, key)
        return await view(scope, found, await budgets.all())

    @router.put("/{scope}/{key}")
    async def set_budget(scope: Scope, key: Key, body: BudgetRequest, principal: Caller) -> CapView:
        """An admin's. Whole: a measure that is left out has no limit, and without any the budget is gone."""
        if not is_budget(scope, key):
            require(principal, Right.ADMIN)
            raise BudgetRefused(
                f"A {scope} has no budget of its own here: set {scope}/{EVERY}"
                + (", or POST /api/runs/{id}/budget." if scope is Scope.RUN else "."),
                scope=scope.value,
                key=key,
            )
        found = await key_of(principal, Right.ADMIN, scope, key)
        await budgets.set(scope, found, Budget(**body.model_dump()), principal.name)
        return await view(scope, found, await budgets.all())

    return router


def _project_of(scope: Scope, key: str) -> str | None:
    return key if scope is Scope.PROJECT and key != EVERY else None


def _may_read(principal: Principal, scope: Scope, key: str) -> bool:
    return principal.may(Right.READ, _project_of(scope, key))
