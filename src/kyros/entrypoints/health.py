"""/healthz says the process answers; /readyz names each thing it needs with a verdict of its own."""

import asyncio
import shutil
import time

from fastapi import APIRouter, Response
from pydantic import BaseModel

from kyros import __version__
from kyros.entrypoints.bootstrap import House
from kyros.entrypoints.migrate import current_revision, database_of, newest_revision
from kyros.kernel.errors import KyrosError

_LOW_DISK_BYTES = 200_000_000


class Alive(BaseModel):
    status: str
    version: str
    uptime_seconds: float


class Dependency(BaseModel):
    ok: bool
    note: str


class Ready(BaseModel):
    ok: bool
    checks: dict[str, Dependency]


def health_router(house: House) -> APIRouter:
    router = APIRouter(tags=["health"])
    began = time.monotonic()

    @router.get("/healthz")
    async def healthz() -> Alive:
        return Alive(status="ok", version=__version__, uptime_seconds=round(time.monotonic() - began, 3))

    @router.get("/readyz", responses={503: {"model": Ready, "description": "Something needed is missing."}})
    async def readyz(response: Response) -> Ready:
        """503 unless everything needed for work is there."""
        checks = await asyncio.to_thread(_local_checks, house)
        checks["queue"] = await _queue(house)
        checks["state"] = _state(house)
        checks["drift"] = await _drift(house)
        ready = Ready(ok=all(check.ok for check in checks.values()), checks=checks)
        response.status_code = 200 if ready.ok else 503
        return ready

    return router


def _local_checks(house: House) -> dict[str, Dependency]:
    free = shutil.disk_usage(house.home.root).free
    git = shutil.which("git")
    agents = [one.name for one in house.profiles.all() if house.profiles.find_program(one)]
    return {
        "migrations": _migrations(house),
        "disk": Dependency(ok=free > _LOW_DISK_BYTES, note=f"{free // 1_000_000} MB free"),
        "git": Dependency(ok=git is not None, note=git or "install git"),
        "agents": Dependency(ok=bool(agents), note=", ".join(agents) or "none found on the PATH"),
    }


def _migrations(house: House) -> Dependency:
    newest = newest_revision()
    try:
        now = current_revision(database_of(house.settings))
    except KyrosError as error:
        return Dependency(ok=False, note=error.message)
    return Dependency(ok=now == newest, note=f"at {now}, newest {newest}")


async def _queue(house: House) -> Dependency:
    try:
        return Dependency(ok=True, note=f"{await house.queue.depth()} unfinished jobs")
    except KyrosError as error:
        return Dependency(ok=False, note=error.message)


async def _drift(house: House) -> Dependency:
    """Nothing waits for it, but a person should look."""
    try:
        found = await house.drift.all()
    except KyrosError as error:
        return Dependency(ok=False, note=error.message)
    note = f"{len(found)} found, see /api/fleet/drift: {found[0].note}" if found else "nothing found"
    return Dependency(ok=True, note=note)


def _state(house: House) -> Dependency:
    """Files that cannot be written hold up nobody, but a person should look."""
    trouble = house.state_trouble
    return Dependency(ok=trouble is None, note=trouble or "up to date")
