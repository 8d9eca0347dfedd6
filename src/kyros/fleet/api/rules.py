"""A project's own rules for approvals, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Header, Response

from kyros.auth.api import Caller
from kyros.auth.model import Right
from kyros.fleet.api.seen import named_project
from kyros.fleet.api.views import RulesRequest, RulesView, rules_of, rules_tag, rules_view
from kyros.fleet.model import ProjectRules
from kyros.fleet.ports import Approvals
from kyros.forge.ports import Forge
from kyros.kernel.etag import require_match, required

IfMatch = Annotated[
    str | None, Header(max_length=2_000, description="The etag of what you change; without it 428.")
]


def rules_router(approvals: Approvals, forge: Forge) -> APIRouter:
    router = APIRouter(prefix="/api/projects", tags=["approvals"])

    @router.get("/{ref}/rules")
    async def get_rules(ref: str, principal: Caller, response: Response) -> RulesView:
        project = await named_project(forge, principal, Right.READ, ref)
        return _tagged(await approvals.rules(project.id), response)

    @router.put("/{ref}/rules")
    async def put_rules(
        ref: str, body: RulesRequest, principal: Caller, response: Response, if_match: IfMatch = None
    ) -> RulesView:
        """All of them, in the order in which they are tried. The same ones again change nothing."""
        project = await named_project(forge, principal, Right.OPERATE, ref)
        header, rules = required(if_match), rules_of(body)

        def check(current: ProjectRules) -> None:
            require_match(header, rules_tag(current))

        return _tagged(await approvals.set_rules(project.id, rules, principal.name, check), response)

    return router


def _tagged(rules: ProjectRules, response: Response) -> RulesView:
    response.headers["ETag"] = rules_tag(rules)
    return rules_view(rules)
