"""GET /api/auth/me: who the caller is and what they may."""

from fastapi import APIRouter
from pydantic import BaseModel

from kyros.auth.api.caller import Caller
from kyros.auth.model import PrincipalKind, Right, Role
from kyros.auth.service import People


class Me(BaseModel):
    """`rights` count everywhere, `projects` gives a role in single ones. `people_exist` is false until the
    first admin was made."""

    name: str
    display_name: str | None
    kind: PrincipalKind
    role: Role | None
    rights: list[Right]
    projects: dict[str, Role]
    people_exist: bool


def add_me(router: APIRouter, people: People) -> None:
    @router.get("/me")
    async def me(principal: Caller) -> Me:
        """Who the token stands for."""
        is_person = principal.kind is PrincipalKind.PERSON
        return Me(
            name=principal.name,
            display_name=(await people.get(principal.name)).display_name if is_person else None,
            kind=principal.kind,
            role=principal.role,
            rights=[right for right in Right if principal.may(right)],
            projects=dict(principal.projects),
            people_exist=is_person or await people.exist(),
        )
