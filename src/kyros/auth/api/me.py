"""Who is calling, for people and for the other rooms' doors."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from kyros.auth.errors import Unauthenticated
from kyros.auth.model import Principal, Role


class Me(BaseModel):
    name: str
    role: Role


def caller(request: HTTPConnection) -> Principal:
    """Whom the gate let in: a dependency for every route. Raises Unauthenticated if it let in nobody."""
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        raise Unauthenticated("Nobody is signed in: send `Authorization: Bearer TOKEN`.")
    return principal


def router() -> APIRouter:
    routes = APIRouter(prefix="/api/auth", tags=["auth"])

    @routes.get("/me")
    async def me(principal: Annotated[Principal, Depends(caller)]) -> Me:
        """Who the token stands for."""
        return Me(name=principal.name, role=principal.role)

    return routes
