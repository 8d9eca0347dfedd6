"""The server process: API and console. Starts no agent and touches no worktree."""

import argparse
import socket

import uvicorn
import uvloop
from fastapi import FastAPI

from kyros import __version__
from kyros.auth.api import Gate
from kyros.auth.api import router as auth_router
from kyros.auth.model import perimeter
from kyros.auth.service import Auth, operator
from kyros.delegation.api import (
    Presenter,
    delegations_router,
    projects_router,
    pulls_router,
    runs_router,
)
from kyros.entrypoints.bootstrap import House, delegations, open_server, operator_token
from kyros.entrypoints.console import mount_console
from kyros.entrypoints.health import health_router
from kyros.entrypoints.home import Home
from kyros.entrypoints.problems import DOCUMENTED, answer, install
from kyros.events.api import events_router
from kyros.infra.lifeline import hold_on_to
from kyros.infra.telemetry import configure_logs
from kyros.kernel.settings import Settings, read_settings


def main() -> None:
    """`python -m kyros.entrypoints.server --fd N`: serve on a socket the supervisor bound."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--fd", type=int, required=True)
    arguments.add_argument("--lifeline", type=int)
    given = arguments.parse_args()
    if given.lifeline is not None:
        hold_on_to(given.lifeline)
    settings = read_settings()
    configure_logs(settings.log_level, Home(settings.home).logs / "server.log", process="server")
    uvloop.run(_serve(settings, socket.socket(fileno=given.fd)))


async def _serve(settings: Settings, listener: socket.socket) -> None:
    async with open_server(settings) as house:
        config = uvicorn.Config(
            build_app(house),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=3,
            server_header=False,
        )
        await uvicorn.Server(config).serve(sockets=[listener])


def build_app(house: House) -> FastAPI:
    """Every route behind the gate."""
    app = FastAPI(
        title="Kyros",
        version=__version__,
        description="A self-hosted control plane for coding agents.",
        openapi_url="/api/openapi.json",
        docs_url="/api/docs",
        redoc_url=None,
        responses=DOCUMENTED,
    )
    desk = delegations(house)
    presenter = Presenter(
        runs=house.runs,
        tasks=house.tasks,
        forge=house.forge,
        turns=house.turns,
        profiles=house.profiles,
        default_agent=house.settings.agent,
    )
    for router in (
        health_router(house),
        auth_router(),
        delegations_router(desk),
        runs_router(
            delegations=desk,
            runs=house.runs,
            forge=house.forge,
            turns=house.turns,
            recordings=house.recordings,
            bus=house.bus,
            presenter=presenter,
        ),
        pulls_router(house.forge, house.pulls, presenter),
        projects_router(house.forge, house.runs, presenter),
        events_router(house.events),
    ):
        app.include_router(router)
    install(app)
    mount_console(app)
    settings = house.settings
    app.add_middleware(
        Gate,
        auth=Auth([operator(operator_token(house.home))]),
        perimeter=perimeter(settings.host, settings.allowed_hosts, settings.allowed_origins),
        answer=answer,
    )
    return app


if __name__ == "__main__":
    main()
