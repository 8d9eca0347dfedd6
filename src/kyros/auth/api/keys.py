"""/api/keys: tokens for programs, made by people."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from kyros.auth.api.caller import Caller
from kyros.auth.model import PROJECT_PATTERN, ApiKey, NewKey, Right, Role
from kyros.auth.service import Keys

ProjectId = Annotated[str, StringConstraints(pattern=PROJECT_PATTERN)]


class KeyRequest(BaseModel):
    """`role` and `projects` are no more than one's own; `scopes` keeps only these of their rights."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200)
    role: Role | None = None
    projects: dict[ProjectId, Role] = Field(default_factory=dict, max_length=100)
    scopes: list[Right] | None = Field(None, min_length=1, max_length=20)
    expires_at: AwareDatetime = Field(description="Within a year.")

    def new(self) -> NewKey:
        scopes = None if self.scopes is None else frozenset(self.scopes)
        return NewKey(self.name.strip(), self.role, self.projects, scopes, self.expires_at)


class KeyView(BaseModel):
    """`prefix` is how its token begins; `last_used_at` is exact to the hour."""

    id: str
    name: str
    prefix: str
    owner: str
    role: Role | None
    projects: dict[str, Role]
    scopes: list[Right] | None
    created_at: str
    expires_at: str
    last_used_at: str | None
    revoked_at: str | None


class KeyCreated(BaseModel):
    """`token` is told this once and kept nowhere."""

    token: str
    key: KeyView


class KeyPage(BaseModel):
    items: list[KeyView]
    next_cursor: str | None


def keys_router(keys: Keys) -> APIRouter:
    router = APIRouter(prefix="/api/keys", tags=["auth"])

    @router.post("", status_code=201)
    async def create_key(body: KeyRequest, principal: Caller, response: Response) -> KeyCreated:
        """A token for a program, with no right that one lacks oneself."""
        made = await keys.create(body.new(), principal)
        response.headers["Cache-Control"] = "no-store"
        return KeyCreated(token=made.token, key=_view(made.key))

    @router.get("")
    async def list_keys(
        principal: Caller,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str, Query(max_length=100)] = "",
    ) -> KeyPage:
        """One's own, oldest first; an admin sees everybody's."""
        found = await keys.page(principal, cursor, limit + 1)
        further = found[limit - 1].id if len(found) > limit else None
        return KeyPage(items=[_view(key) for key in found[:limit]], next_cursor=further)

    @router.delete("/{key_id}")
    async def revoke_key(key_id: str, principal: Caller) -> KeyView:
        """At once and for good; revoked already is fine."""
        return _view(await keys.revoke(key_id, principal))

    return router


def _view(key: ApiKey) -> KeyView:
    return KeyView(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        owner=key.owner,
        role=key.role,
        projects=dict(key.projects),
        scopes=None if key.scopes is None else sorted(key.scopes),
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )
