"""The server's OpenAPI document without a running server: for the console's typed client."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from kyros.entrypoints.bootstrap import open_server
from kyros.entrypoints.migrate import database_of, upgrade
from kyros.entrypoints.server import build_app
from kyros.kernel.settings import Settings


def document() -> dict[str, Any]:
    """Built from the routes as the server mounts them, on a home that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="kyros-openapi-") as folder:
        settings = Settings(home=Path(folder), database_url=SecretStr(""))
        upgrade(database_of(settings))
        return asyncio.run(_read(settings))


async def _read(settings: Settings) -> dict[str, Any]:
    async with open_server(settings) as house:
        return build_app(house).openapi()
