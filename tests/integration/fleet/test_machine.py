"""Processes of a run: a narrow environment, and stopped for sure."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from kyros.fleet.adapters.machine import LocalMachine


@pytest.fixture
def machine(tmp_path: Path) -> LocalMachine:
    return LocalMachine(f"test-{os.getpid()}", tmp_path / "agents", ())


def is_alive(pid: int) -> bool:
    """A zombie nobody reaped yet is dead."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_no_secret_of_the_host_reaches_an_agent(
    machine: LocalMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("WANTED", "y")
    env = machine.agent_env("run_1", ["WANTED"], {"EXTRA": "z"})
    assert "AWS_SECRET_ACCESS_KEY" not in env
    assert (env["WANTED"], env["EXTRA"]) == ("y", "z")
    assert Path(env["HOME"]).is_dir()
    assert env["HOME"] != os.environ.get("HOME")


async def test_a_check_reports_output_and_exit_code(machine: LocalMachine, tmp_path: Path) -> None:
    result = await machine.check("run_1", "echo out; echo err >&2; exit 3", tmp_path, 10)
    assert (result.exit_code, result.output) == (3, "out\nerr\n")


async def test_a_check_that_takes_too_long_is_stopped_with_its_children(
    machine: LocalMachine, tmp_path: Path
) -> None:
    command = "(trap '' TERM; sleep 300) & echo $! > pid; wait"
    result = await machine.check("run_1", command, tmp_path, 0.5)
    assert result.exit_code is None
    assert not is_alive(int((tmp_path / "pid").read_text()))


async def test_a_daemon_that_left_its_group_is_stopped(machine: LocalMachine, tmp_path: Path) -> None:
    stubborn = r"trap '' TERM HUP; echo \$\$ > pid; while :; do sleep 1; done"
    command = f'setsid sh -c "{stubborn}" >/dev/null 2>&1 & sleep 0.3'
    await machine.check("run_1", command, tmp_path, 10)
    assert not is_alive(int((tmp_path / "pid").read_text()))


async def test_only_this_runs_processes_of_this_installation_are_stopped(
    machine: LocalMachine, tmp_path: Path
) -> None:
    other = LocalMachine(f"other-{os.getpid()}", tmp_path / "agents", ())
    theirs = await asyncio.create_subprocess_exec("sleep", "60", env=dict(other.agent_env("run_1", (), {})))
    sibling = await asyncio.create_subprocess_exec(
        "sleep", "60", env=dict(machine.agent_env("run_2", (), {}))
    )
    mine = await asyncio.create_subprocess_exec("sleep", "60", env=dict(machine.agent_env("run_1", (), {})))
    try:
        assert await machine.owners() == ["run_1", "run_2"]
        assert await machine.stop_all_of("run_1") == 1
        assert await machine.stop_all_of("run_1") == 0
        assert await mine.wait() != 0
        assert theirs.returncode is None
        assert sibling.returncode is None
    finally:
        theirs.kill()
        sibling.kill()
        await asyncio.gather(theirs.wait(), sibling.wait())
