"""The engine's door into the fleet: carry out an execution."""

from collections.abc import Mapping
from typing import Any

from kyros.engine.model import Again
from kyros.engine.ports import Handler
from kyros.fleet.service import Executor


def fleet_handlers(executor: Executor) -> Mapping[str, Handler]:
    """Handlers by job name."""

    async def execute(payload: Mapping[str, Any]) -> Again | None:
        return await executor.carry_out(payload["execution_id"])

    return {"fleet.execute": execute}
