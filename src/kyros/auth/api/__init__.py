"""Auth's doors: the gate every request passes; signing in, people, keys; who the caller is."""

from fastapi import APIRouter

from kyros.auth.api.caller import Caller, caller
from kyros.auth.api.gate import Answer, Gate
from kyros.auth.api.keys import keys_router
from kyros.auth.api.me import add_me
from kyros.auth.api.people import add_people
from kyros.auth.api.sign_in import add_sign_in
from kyros.auth.service import People, Sessions

__all__ = ["Answer", "Caller", "Gate", "auth_router", "caller", "keys_router"]


def auth_router(people: People, sessions: Sessions) -> APIRouter:
    """Everything under /api/auth."""
    router = APIRouter(prefix="/api/auth", tags=["auth"])
    add_me(router, people)
    add_sign_in(router, sessions)
    add_people(router, people)
    return router
