"""The name of whoever the gate let in, for the record of what they do."""

from typing import Annotated

from fastapi import Depends, Request

from kyros.auth.model import Principal


def actor_of(request: Request) -> str:
    principal: Principal = request.state.principal
    return principal.name


Actor = Annotated[str, Depends(actor_of)]
