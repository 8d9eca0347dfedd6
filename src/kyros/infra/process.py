"""Child processes that end when they must: environments, lifelines, and killing whole trees.

A process is *ours* when its environment carries our marker, KYROS_PROCESS=<installation>/<owner>, or when it
descends from one that does. Children and daemons inherit the marker, so what an agent started is found even
after it left its group; and what threw its environment away is still below the keeper or the sandbox that it
was started in: orphans become their children.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

MARKER = "KYROS_PROCESS"
SAFE_ENV = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "SSL_CERT_FILE", "SSL_CERT_DIR")
KEEPER = Path(__file__).with_name("keeper.py")
GRACE_SECONDS = 2.0
_GIVE_UP_SECONDS = 8.0
_KEEPER_SECONDS = 4.0
_OUTPUT_LIMIT = 200_000


@dataclass(frozen=True)
class Finished:
    """How a command ended. `exit_code` is None when the time-out killed it."""

    exit_code: int | None
    output: str
    duration_ms: int

    @property
    def timed_out(self) -> bool:
        return self.exit_code is None


def clean_env(allowed: Iterable[str] = (), **extra: str) -> dict[str, str]:
    """The host's environment reduced to what is harmless, `allowed` names, and `extra`."""
    names = {*SAFE_ENV, *allowed}
    return {name: os.environ[name] for name in names if name in os.environ} | extra


def marker(installation: str, owner: str) -> dict[str, str]:
    return {MARKER: f"{installation}/{owner}"}


def find_marked(installation: str, owner: str) -> list[psutil.Process]:
    """Live processes of this owner, `run_1` or `run_1.turn_2` of `run_1`, and what descends from them."""
    below = f"{owner}."
    return with_descendants(
        [one for one, whose in _marked(installation) if whose == owner or whose.startswith(below)]
    )


def marked_owners(installation: str) -> list[str]:
    """Who of this installation has live processes: the first part of each owner's name."""
    return sorted({whose.partition(".")[0] for _, whose in _marked(installation)})


def _marked(installation: str) -> Iterator[tuple[psutil.Process, str]]:
    for process in psutil.process_iter():
        try:
            whose, _, owner = process.environ().get(MARKER, "").partition("/")
            if whose == installation and process.status() != psutil.STATUS_ZOMBIE:
                yield process, owner
        except (psutil.Error, OSError):
            continue  # gone meanwhile, or another user's


def with_descendants(roots: Sequence[psutil.Process]) -> list[psutil.Process]:
    """`roots` and all live processes below them, each once."""
    if not roots:
        return []
    children: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        try:
            children.setdefault(process.ppid(), []).append(process)
        except psutil.Error:
            continue
    found, rim = {one.pid: one for one in roots}, list(roots)
    while rim:
        new = [one for one in children.get(rim.pop().pid, []) if one.pid not in found]
        found |= {one.pid: one for one in new}
        rim += new
    return [one for one in found.values() if _is_alive(one)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


async def stop_marked(installation: str, owner: str, grace_seconds: float = GRACE_SECONDS) -> int:
    """Stop for sure whatever carries the owner's mark, and what descends from it: see `end_all`."""
    return await end_all(lambda: find_marked(installation, owner), grace_seconds)


async def end_all(find: Callable[[], list[psutil.Process]], grace_seconds: float = GRACE_SECONDS) -> int:
    """TERM, grace, KILL, until `find` finds nothing alive. Returns how many were found.

    Ending nothing is fine. Raises TimeoutError if something survives eight seconds of KILL.
    """
    seen: set[int] = set()
    started = time.monotonic()
    while alive := await asyncio.to_thread(find):
        late = time.monotonic() - started - grace_seconds
        if late > _GIVE_UP_SECONDS:
            raise TimeoutError(f"processes survive SIGKILL: {[p.pid for p in alive]}")
        for process in alive:
            if late >= 0 and not (late < _KEEPER_SECONDS and _is_keeper(process)):
                _send(process, signal.SIGKILL)
            elif late < 0 and process.pid not in seen:
                _send(process, signal.SIGTERM)
            seen.add(process.pid)
        await asyncio.sleep(0.05)
    return len(seen)


def _is_keeper(process: psutil.Process) -> bool:
    """A keeper ends by itself, after everything below it: killed before, it would let orphans go."""
    try:
        return str(KEEPER) in process.cmdline()[:4]
    except psutil.Error:
        return False


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


async def run_shell(
    command: str,
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_seconds: float,
    owner: tuple[str, str],
    prefix: Sequence[str] = (),
) -> Finished:
    """Run a project's own command line with `sh -c`; output is the last 200,000 characters.

    `owner` is (installation, owner): everything the command leaves behind is stopped with it. `prefix` goes
    before `sh`: what confines it.
    """
    started = time.monotonic()
    tail = bytearray()
    read_end, write_end = os.pipe()  # ours, so that waiting for the command never waits for its leftovers
    try:
        process = await asyncio.create_subprocess_exec(
            *prefix,
            "sh",
            "-c",
            command,
            cwd=cwd,
            env={**env, **marker(*owner)},
            start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=write_end,
            stderr=asyncio.subprocess.STDOUT,
        )
    except BaseException:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    draining = asyncio.create_task(_drain(read_end, tail))
    code: int | None = None
    try:
        async with asyncio.timeout(timeout_seconds):
            code = await process.wait()
    except TimeoutError:
        code = None
    finally:
        await stop_marked(*owner, grace_seconds=1.0 if code is None else 0.2)
        await asyncio.wait([draining], timeout=1.0)  # what still holds the pipe is not ours
        draining.cancel()
    await process.wait()
    return Finished(code, tail.decode(errors="replace"), int((time.monotonic() - started) * 1000))


async def _drain(read_end: int, tail: bytearray) -> None:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", buffering=0)
    )
    try:
        while chunk := await reader.read(65536):
            tail += chunk
            del tail[:-_OUTPUT_LIMIT]
    finally:
        transport.close()
