"""The fleet's doors over HTTP."""

from kyros.fleet.api.pool import pool_router

__all__ = ["pool_router"]
