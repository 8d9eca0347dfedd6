"""Commands and what they leave behind: output, exit, time-outs, daemons, and nobody else's processes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from kyros.infra.process import (
    MARKER,
    Finished,
    clean_env,
    find_marked,
    marked_owners,
    marker,
    run_shell,
    stop_marked,
)

PATIENCE_SECONDS = 20


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[str]:
    """A name of its own, so that tests beside us are not ours; nothing may be left of it."""
    name = f"test-{os.getpid()}-{tmp_path.name}"
    yield name
    left = {owner: [p.pid for p in find_marked(name, owner)] for owner in marked_owners(name)}
    for pid in (pid for pids in left.values() for pid in pids):
        psutil.Process(pid).kill()
    assert left == {}


async def shell(installation: str, command: str, timeout_seconds: float = PATIENCE_SECONDS) -> Finished:
    return await run_shell(
        command,
        cwd=Path("/"),
        env=clean_env(),
        timeout_seconds=timeout_seconds,
        owner=(installation, "run_1"),
    )


def start(
    installation: str, owner: str, code: str = "import time; print(flush=True); time.sleep(600)"
) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=clean_env() | marker(installation, owner),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def end(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        process.kill()
        process.communicate()


async def test_output_of_both_streams_and_the_exit_code_come_back(installation: str) -> None:
    finished = await shell(installation, "echo out; echo grün >&2; exit 3")
    assert (finished.exit_code, finished.output, finished.timed_out) == (3, "out\ngrün\n", False)


async def test_a_command_reads_nothing_and_knows_only_what_it_was_given(
    installation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "s3cret")
    finished = await shell(installation, "cat; env")
    assert "s3cret" not in finished.output
    assert f"{MARKER}={installation}/run_1" in finished.output


async def test_only_the_end_of_a_long_output_is_kept(installation: str) -> None:
    finished = await shell(installation, "yes line | head -n 100000; echo the end")
    assert len(finished.output) == 200_000
    assert finished.output.endswith("line\nthe end\n")


async def test_a_time_out_stops_the_whole_tree(installation: str) -> None:
    finished = await shell(installation, "echo begun; sh -c 'trap \"\" TERM; sleep 600 & sleep 600'", 0.5)
    assert (finished.exit_code, finished.timed_out, finished.output) == (None, True, "begun\n")


async def test_what_a_command_left_running_neither_delays_nor_outlives_it(installation: str) -> None:
    finished = await shell(installation, "sleep 600 & setsid sleep 600 & echo done")
    assert (finished.exit_code, finished.output) == (0, "done\n")


async def test_a_cancelled_command_is_stopped(installation: str) -> None:
    running = asyncio.create_task(shell(installation, "sleep 600"))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not find_marked(installation, "run_1"):
            await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert find_marked(installation, "run_1") == []


async def test_a_folder_that_is_not_there_is_an_error_and_leaks_nothing(
    installation: str, tmp_path: Path
) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(FileNotFoundError):
            await run_shell(
                "true", cwd=tmp_path / "gone", env={}, timeout_seconds=5, owner=(installation, "run_1")
            )
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


async def test_stopping_an_owner_leaves_its_neighbours(installation: str) -> None:
    names = [(installation, "run_1"), (installation, "run_10"), (f"{installation}0", "run_1")]
    mine, neighbour, foreign = (start(*name) for name in names)
    try:
        assert marked_owners(installation) == ["run_1", "run_10"]
        assert await stop_marked(installation, "run_1") == 1
        assert mine.wait() != 0
        assert (neighbour.poll(), foreign.poll()) == (None, None)
    finally:
        end(mine, neighbour, foreign)


async def test_who_ignores_the_request_is_killed(installation: str) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    stubborn = f"{deaf}; print(flush=True); time.sleep(600)"
    process = start(installation, "run_1", stubborn)
    try:
        assert await stop_marked(installation, "run_1", grace_seconds=0.2) == 1
        assert process.wait() == -9
    finally:
        end(process)


async def test_a_daemon_that_left_its_group_and_parent_is_found(installation: str) -> None:
    daemon = """
import os, sys, time
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
print(os.getpid(), flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", daemon],
        env=clean_env() | marker(installation, "run_1"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.stdout.close()
    parent.wait()
    assert [process.pid for process in find_marked(installation, "run_1")] == [pid]
    assert await stop_marked(installation, "run_1") == 1


async def test_stopping_nothing_is_fine(installation: str) -> None:
    assert await stop_marked(installation, "run_1") == 0


async def test_a_zombie_counts_as_ended(installation: str) -> None:
    process = start(installation, "run_1")
    os.kill(process.pid, 9)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.01)
    assert find_marked(installation, "run_1") == []
    end(process)


def test_an_environment_holds_what_is_harmless_what_is_allowed_and_what_is_added(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_SECRET", "s3cret")
    monkeypatch.setenv("ALLOWED", "yes")
    monkeypatch.setenv("PATH", "/bin")
    env = clean_env(["ALLOWED", "NOT_SET"], HOME="/home/agent")
    assert env["PATH"] == "/bin"
    assert (env["ALLOWED"], env["HOME"]) == ("yes", "/home/agent")
    assert not {"A_SECRET", "NOT_SET"} & env.keys()
