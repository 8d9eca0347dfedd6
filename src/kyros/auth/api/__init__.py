"""Auth's doors: the gate every request passes, and the route that says who you are."""

from kyros.auth.api.gate import Answer, Gate
from kyros.auth.api.me import caller, router

__all__ = ["Answer", "Gate", "caller", "router"]
