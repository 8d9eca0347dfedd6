"""A command run under a lease: heartbeats beside it, its end with the lease, its exit code as ours."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from kyros.entrypoints.cli.failures import Refused, Unreachable, Usage
from kyros.entrypoints.cli.hold import run_held

QUICK = {"lock_id": "lock_1", "fencing_token": 7, "ttl_seconds": 0.06}
SLOW = {**QUICK, "ttl_seconds": 60}


def never() -> None:
    raise AssertionError("no heartbeat was due")


def raising(*errors: Exception, then: Callable[[], object] = lambda: None) -> Callable[[], None]:
    """A heartbeat that fails so often, then works."""
    left = list(errors)

    def beat() -> None:
        if left:
            raise left.pop(0)
        then()

    return beat


def shell(line: str) -> list[str]:
    return ["sh", "-c", line]


@pytest.mark.parametrize(("line", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 128 + 9)])
def test_its_exit_code_is_ours(line: str, code: int) -> None:
    assert run_held(shell(line), SLOW, never) == (code, None)


def test_the_command_finds_lock_and_token_in_its_environment(tmp_path: Path) -> None:
    run_held(shell(f'echo "$KYROS_LOCK_ID $KYROS_FENCING_TOKEN" > {tmp_path}/said'), SLOW, never)
    assert (tmp_path / "said").read_text() == "lock_1 7\n"


def test_a_command_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="nosuch cannot be run"):
        run_held([str(tmp_path / "nosuch")], SLOW, never)


def test_heartbeats_go_on_beside_it_and_trouble_that_passes_is_borne(tmp_path: Path) -> None:
    done = tmp_path / "done"
    beat = raising(
        Refused("busy", status=503, code="busy"), Unreachable("away"), then=lambda: done.write_text("")
    )
    wait = shell(f"until [ -e {done} ]; do sleep 0.01; done; exit 3")
    assert run_held(wait, {**QUICK, "ttl_seconds": 3}, beat) == (3, None)


@pytest.mark.parametrize("error", [Refused("gone", status=409, code="lease_lost"), Unreachable("gone")])
def test_a_lost_lease_stops_the_command_and_all_it_started(tmp_path: Path, error: Exception) -> None:
    started = tmp_path / "child"
    line = f"sleep 1000 & echo $! > {started}.new; mv {started}.new {started}; wait"

    def beat() -> None:
        if started.exists():
            raise error

    assert run_held(shell(line), QUICK, beat) == (128 + signal.SIGTERM, "gone")
    child = int(started.read_text())
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_a_command_that_ignores_the_end_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    line = f"trap '' TERM; touch {ready}; while true; do sleep 0.05; done"

    def beat() -> None:
        if ready.exists():
            raise Refused("taken back", status=409, code="lease_lost")

    held = run_held(shell(line), QUICK, beat, grace_seconds=0.05)
    assert held == (128 + signal.SIGKILL, "taken back")


def test_afterwards_signals_mean_what_they_meant_before() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    run_held(shell("exit 0"), SLOW, never)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


HOLDER = """
import sys
from kyros.entrypoints.cli.hold import run_held
lock = {"lock_id": "l", "fencing_token": 1, "ttl_seconds": 60}
run_held(["sh", "-c", "echo $$ && exec sleep 60"], lock, print)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a command whose holder was killed")
def test_a_command_does_not_outlive_a_holder_that_was_killed() -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    command = psutil.Process(int(holder.stdout.readline()))
    holder.kill()
    holder.wait()
    holder.stdout.close()
    gone, alive = psutil.wait_procs([command], timeout=10)
    assert (gone, alive) == ([command], [])
