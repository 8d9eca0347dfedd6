"""Who is calling, for every room's doors."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from kyros.auth.errors import Unauthenticated
from kyros.auth.model import Principal


def caller(request: HTTPConnection) -> Principal:
    """Whom the gate let in. Raises Unauthenticated if it let in nobody."""
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        raise Unauthenticated("Nobody is signed in: send `Authorization: Bearer TOKEN`.")
    return principal


async def _caller(request: HTTPConnection) -> Principal:
    """Asynchronous, for what is not would be asked in a thread, which costs more than most routes."""
    return caller(request)


Caller = Annotated[Principal, Depends(_caller)]
