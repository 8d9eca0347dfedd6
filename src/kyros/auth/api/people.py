"""/api/auth/people: who may come in, and as what."""

from dataclasses import replace
from typing import Annotated, Self

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from kyros.auth.api.address import address_of
from kyros.auth.api.caller import Caller
from kyros.auth.api.sign_in import Done
from kyros.auth.model import (
    PROJECT_PATTERN,
    NewPerson,
    Person,
    PersonChange,
    Principal,
    Right,
    Role,
    require,
)
from kyros.auth.service import People

DisplayName = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")
]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^\s@\x00-\x1f]+@[^\s@\x00-\x1f]+$")]
Password = Annotated[str, Field(max_length=1_000, repr=False)]
ProjectId = Annotated[str, Path(pattern=PROJECT_PATTERN)]
GLOBAL_ROLES = "Counts in every project; null in none."


class PersonRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200)
    password: Password
    display_name: DisplayName = ""
    email: Email | None = None
    role: Role | None = Field(None, description=GLOBAL_ROLES)


class PersonPatchRequest(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(extra="forbid")

    display_name: DisplayName = ""
    email: Email | None = None
    role: Role | None = Field(None, description=GLOBAL_ROLES)
    disabled: bool = False

    def change(self) -> PersonChange:
        return PersonChange({name: getattr(self, name) for name in self.model_fields_set})


class MembershipRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Role


class PasswordRequest(BaseModel):
    """An admin's word for somebody else."""

    model_config = ConfigDict(extra="forbid")

    password: Password


class OwnPasswordRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    old_password: Password
    new_password: Password

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.old_password == self.new_password:
            raise ValueError("the new password must be another than the old one")
        return self


class PersonView(BaseModel):
    name: str
    display_name: str
    email: str | None
    role: Role | None
    projects: dict[str, Role]
    created_at: str
    updated_at: str
    disabled_at: str | None


class PersonPage(BaseModel):
    items: list[PersonView]
    next_cursor: str | None


def add_people(router: APIRouter, people: People) -> None:
    _add_reading(router, people)
    _add_writing(router, people)
    _add_memberships(router, people)
    _add_passwords(router, people)


def _add_reading(router: APIRouter, people: People) -> None:
    @router.get("/people")
    async def list_people(
        principal: Caller,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str, Query(max_length=100)] = "",
    ) -> PersonPage:
        """By name, disabled ones too."""
        require(principal, Right.ADMIN)
        found = await people.page(cursor, limit + 1)
        further = found[limit - 1].name if len(found) > limit else None
        return PersonPage(items=[_view(person) for person in found[:limit]], next_cursor=further)

    @router.get("/people/{name}")
    async def get_person(name: str, principal: Caller) -> PersonView:
        """Admins see everybody, others themselves."""
        if name != principal.name:
            require(principal, Right.ADMIN)
        return _view(await people.get(name))


def _add_writing(router: APIRouter, people: People) -> None:
    @router.post("/people", status_code=201)
    async def add_person(body: PersonRequest, principal: Caller, response: Response) -> PersonView:
        """Let somebody in. The first must be an admin; the operator's token may make them."""
        require(principal, Right.ADMIN)
        name = body.name.strip()
        new = NewPerson(name, body.display_name or name, body.email, body.role, body.password)
        person = await people.add(new, principal.name)
        response.headers["Location"] = f"/api/auth/people/{person.name}"
        return _view(person)

    @router.patch("/people/{name}")
    async def change_person(name: str, body: PersonPatchRequest, principal: Caller) -> PersonView:
        """A new role counts at once; who is disabled is out at once."""
        require(principal, Right.ADMIN)
        return _view(await people.change(name, body.change(), principal.name))


def _add_memberships(router: APIRouter, people: People) -> None:
    @router.put("/people/{name}/projects/{project}")
    async def join_project(
        name: str, project: ProjectId, body: MembershipRequest, principal: Caller
    ) -> PersonView:
        """A role in one project, in place of the one they may have there. Admins of the project may."""
        require(principal, Right.ADMIN, project)
        return _view_in(project, await people.join(name, project, body.role, principal.name), principal)

    @router.delete("/people/{name}/projects/{project}")
    async def leave_project(name: str, project: ProjectId, principal: Caller) -> PersonView:
        """Their role in this project goes; none there is fine."""
        require(principal, Right.ADMIN, project)
        return _view_in(project, await people.leave(name, project, principal.name), principal)


def _add_passwords(router: APIRouter, people: People) -> None:
    @router.put("/people/{name}/password")
    async def set_password(name: str, body: PasswordRequest, principal: Caller) -> Done:
        """Ends every session of theirs."""
        require(principal, Right.ADMIN)
        await people.set_password(name, body.password, principal.name)
        return Done(ok=True)

    @router.post("/password")
    async def change_own_password(body: OwnPasswordRequest, principal: Caller, request: Request) -> Done:
        """Ends every session of one's own, this one too: sign in with the new password."""
        address = address_of(request.scope)
        await people.change_own_password(principal, body.old_password, body.new_password, address)
        return Done(ok=True)


def _view_in(project: str, person: Person, principal: Principal) -> PersonView:
    """An admin of the project alone sees who it is and what they are there, not what they are elsewhere."""
    if principal.may(Right.ADMIN) or principal.name == person.name:
        return _view(person)
    there = {one: role for one, role in person.projects.items() if one == project}
    return _view(replace(person, email=None, role=None, projects=there))


def _view(person: Person) -> PersonView:
    return PersonView(
        name=person.name,
        display_name=person.display_name,
        email=person.email,
        role=person.role,
        projects=dict(person.projects),
        created_at=person.created_at,
        updated_at=person.updated_at,
        disabled_at=person.disabled_at,
    )
