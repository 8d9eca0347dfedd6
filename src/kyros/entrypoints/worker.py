"""A worker process: agents and worktrees. Listens on no port."""

import argparse
import asyncio
import signal

from kyros.engine.model import NewJob
from kyros.entrypoints.bootstrap import open_worker, warm_up, working
from kyros.entrypoints.home import Home
from kyros.infra.lifeline import hold_on_to
from kyros.infra.telemetry import configure_logs
from kyros.kernel.settings import Settings, read_settings


def main() -> None:
    """`python -m kyros.entrypoints.worker`: serve until SIGTERM; a run in hand is taken up by the next."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--lifeline", type=int)
    given = arguments.parse_args()
    if given.lifeline is not None:
        hold_on_to(given.lifeline)
    run_worker("worker-1")


def run_worker(name: str) -> None:
    """Until SIGTERM, on the home of the settings. The supervisor's worker is `worker-1`."""
    settings = read_settings()
    configure_logs(settings.log_level, Home(settings.home).logs / "worker.log", process="worker")
    asyncio.run(_work(settings, name))


async def _work(settings: Settings, name: str) -> None:
    async with open_worker(settings, name) as house, working(house) as handlers:
        await house.queue.enqueue(NewJob("delegation.sweep", {}, "sweep"))
        serving = asyncio.create_task(house.queue.serve(handlers, settings.worker_slots))
        asyncio.get_running_loop().run_in_executor(None, warm_up)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
        try:
            await serving
        except asyncio.CancelledError:
            return


if __name__ == "__main__":
    main()
