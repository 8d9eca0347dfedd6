"""The server process: API and console. Starts no agent and touches no worktree."""

import argparse
import asyncio
import gc
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
import uvloop
from fastapi import FastAPI

from kyros import __version__
from kyros.auth.api import Gate, auth_router, keys_router
from kyros.auth.model import perimeter
from kyros.collab.api.agents import agents_router
from kyros.collab.api.leases import leases_router
from kyros.collab.api.presence import Presence
from kyros.collab.api.state import state_router
from kyros.collab.api.tasks import tasks_router
from kyros.delegation.api import (
    Following,
    Presenter,
    attach_router,
    delegations_router,
    projects_router,
    pulls_router,
    run_approvals_router,
    runs_router,
)
from kyros.entrypoints.asking import event_caller
from kyros.entrypoints.bodies import StrictBodies
from kyros.entrypoints.bootstrap import House, delegations, open_server
from kyros.entrypoints.console import mount_console
from kyros.entrypoints.doors import open_doors
from kyros.entrypoints.health import health_router
from kyros.entrypoints.home import Home
from kyros.entrypoints.problems import DOCUMENTED, answer, install
from kyros.events.api import events_router
from kyros.fleet.api import ApprovalDoor, approvals_router, pool_router, rules_router
from kyros.fleet.api.budgets import Named, budgets_router
from kyros.fleet.api.usage import usage_router
from kyros.fleet.service import Keyboards
from kyros.infra.lifeline import hold_on_to
from kyros.infra.telemetry import configure_logs
from kyros.kernel.clock import utc_now
from kyros.kernel.settings import Settings, read_settings

WEBSOCKET_BYTES = 256 * 1024
"""Of one message that comes in; larger ones end the socket."""


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
        following = following_of(house)

        def hang_up() -> None:
            house.events.hang_up()
            following.hang_up()

        config = uvicorn.Config(
            build_app(house, following),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=3,
            server_header=False,
            ws_max_size=WEBSOCKET_BYTES,
        )
        gc.freeze()  # what is here now stays: a full collection that walks through it all takes 100 ms
        async with house.event_files.copying():
            await Server(config, hang_up).serve(sockets=[listener])


class Server(uvicorn.Server):
    """Tells the tails at the very signal: a server that waits for its streams to end would wait for ever."""

    def __init__(self, config: uvicorn.Config, hang_up: Callable[[], None]) -> None:
        super().__init__(config)
        self._loop, self._hang_up = asyncio.get_running_loop(), hang_up

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._loop.call_soon_threadsafe(self._hang_up)


def following_of(house: House) -> Following:
    return Following(house.runs, house.recordings, house.bus)


def build_app(house: House, following: Following | None = None) -> FastAPI:
    """Every route behind the gate."""
    following = following or following_of(house)
    app = FastAPI(
        title="Kyros",
        version=__version__,
        description="A self-hosted control plane for coding agents.",
        openapi_url="/api/openapi.json",
        docs_url="/api/docs",
        redoc_url=None,
        responses=DOCUMENTED,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
        },  # a door goes past it
    )
    desk = delegations(house)
    presenter = Presenter(
        runs=house.runs,
        tasks=house.tasks,
        forge=house.forge,
        turns=house.turns,
        profiles=house.profiles,
        pauses=house.pauses,
        default_agent=house.settings.agent,
    )
    for router in (
        health_router(house),
        auth_router(house.admission.people, house.admission.sessions),
        keys_router(house.admission.keys),
        delegations_router(desk, house.forge),
        runs_router(
            delegations=desk,
            runs=house.runs,
            forge=house.forge,
            turns=house.turns,
            recordings=house.recordings,
            following=following,
            transcripts=house.transcripts,
            presenter=presenter,
        ),
        attach_router(desk, following, Keyboards(house.bus, house.leases), answer),
        pool_router(
            counter=house.counter,
            sessions=house.sessions,
            drift=house.drift,
            has_worker=house.has_worker,
            clock=utc_now,
        ),
        pulls_router(house.forge, house.pulls, presenter),
        projects_router(house.forge, house.runs, presenter, desk),
        run_approvals_router(house.runs, ApprovalDoor(house.approvals)),
        approvals_router(house.approvals, house.forge),
        rules_router(house.approvals, house.forge),
        usage_router(house.ledger, house.forge),
        budgets_router(house.budgets, house.ledger, Named(house.forge, house.profiles, house.tasks), utc_now),
        tasks_router(house.collab),
        state_router(house.collab),
        agents_router(house.collab, house.agents.tokens),
        events_router(house.events, house.event_files.history, house.event_files.human_logs, event_caller),
        leases_router(house.leases),
    ):
        app.include_router(router)
    install(app)
    open_doors(app)
    mount_console(app)
    settings = house.settings
    app.add_middleware(StrictBodies, answer=answer)
    app.add_middleware(Presence, saw=house.agents.saw)
    app.add_middleware(
        Gate,
        auth=house.admission.auth,
        perimeter=perimeter(settings.host, settings.allowed_hosts, settings.allowed_origins),
        answer=answer,
        rates=house.admission.rates,
        refusals=house.admission.refusals,
    )
    return app


if __name__ == "__main__":
    main()
