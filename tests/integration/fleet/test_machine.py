"""Processes of a run, in a sandbox and in a plain tree: a narrow environment, and stopped for sure."""

import asyncio
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kyros.drivers.adapters.group import stop_group
from kyros.fleet.adapters.containment import Containment
from kyros.fleet.adapters.machine import LocalMachine
from kyros.fleet.errors import SandboxMissing
from kyros.infra.sandbox.probe import probe
from kyros.kernel.errors import Upstream
from tests.sandboxes import daemons_of, escaping, held_to, needs_bubblewrap


@pytest.fixture(params=[pytest.param("bubblewrap", marks=needs_bubblewrap), "off"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> LocalMachine:
    name = f"test-{os.getpid()}-{tmp_path.name}"
    return LocalMachine(name, tmp_path / "agents", (), Containment(mode=request.param))


@pytest.fixture
def worktree(tmp_path: Path) -> Path:
    folder = tmp_path / "worktree"
    folder.mkdir()
    return folder


async def start(machine: LocalMachine, owner: str, worktree: Path, *words: str) -> asyncio.subprocess.Process:
    """An agent of this owner, as the fleet starts it."""
    env = dict(machine.agent_env(owner, (), {}))
    prefix = await machine.confine(owner, worktree, (), env)
    return await asyncio.create_subprocess_exec(
        *prefix, *words, cwd=worktree, env=env, start_new_session=True, stdin=asyncio.subprocess.DEVNULL
    )


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.02)


STARTS = """
import subprocess, sys
from pathlib import Path
from kyros.fleet.adapters.containment import Containment
from kyros.infra.sandbox import Limits
mode, folder = sys.argv[1], Path(sys.argv[2])
limits = Limits(2**40, 10**9, 10**6, 10**6, 2**50)
env = {"HOME": str(folder / "own/home"), "PATH": "/usr/bin:/bin"}
prefix = Containment(mode=mode, limits=limits).prefix(folder / "own", folder, ["sh"], env)
subprocess.run([*prefix, "sh", "-c", "ulimit -f; ulimit -d; ulimit -t; ulimit -n"], cwd=folder, env=env)
"""


@pytest.mark.parametrize("mode", [pytest.param("bubblewrap", marks=needs_bubblewrap), "off"])
def test_limits_above_those_of_kyros_itself_hold_nothing_up(mode: str, tmp_path: Path) -> None:
    """As a service with LimitFSIZE= and its like has them."""
    (tmp_path / "own/home").mkdir(parents=True)
    held = held_to(f"FSIZE={2**30}", f"DATA={2**32}", "CPU=3600", "NOFILE=500", "NPROC=20000")
    done = subprocess.run(
        [sys.executable, "-c", STARTS, mode, str(tmp_path)], capture_output=True, text=True, preexec_fn=held
    )
    assert done.stderr == ""
    assert [int(one) for one in done.stdout.split()] == [2**30 // 512, 2**32 // 1024, 3600, 500]


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
    machine: LocalMachine, worktree: Path
) -> None:
    command = f"{shlex.join(escaping(worktree))} & wait; sleep 300"
    result = await machine.check("run_1", command, worktree, 3)
    assert result.exit_code is None
    assert (worktree / "pid").exists()
    assert daemons_of(worktree) == []


async def test_a_daemon_that_a_check_leaves_ends_with_it(machine: LocalMachine, worktree: Path) -> None:
    command = f"{shlex.join(escaping(worktree))} >/dev/null 2>&1 & until test -f pid; do sleep 0.05; done"
    result = await machine.check("run_1", command, worktree, 30)
    assert result.exit_code == 0
    assert daemons_of(worktree) == []


async def test_an_agent_is_stopped_with_a_daemon_that_threw_everything_away(
    machine: LocalMachine, worktree: Path
) -> None:
    """Deaf to TERM, two sessions away, no environment: found because it stays below what we started."""
    agent = await start(machine, "run_1.turn_1", worktree, *escaping(worktree))
    await until((worktree / "pid").exists)
    assert len(daemons_of(worktree)) == 2
    began = asyncio.get_running_loop().time()
    assert await machine.stop_all_of("run_1.turn_1") >= 2
    assert daemons_of(worktree) == []
    assert asyncio.get_running_loop().time() - began < 10
    assert await machine.stop_all_of("run_1.turn_1") == 0
    assert await agent.wait() != 0
    assert await machine.owners() == []


async def test_the_drivers_stop_finds_such_a_daemon_too(machine: LocalMachine, worktree: Path) -> None:
    agent = await start(machine, "run_1.turn_1", worktree, *escaping(worktree))
    await until((worktree / "pid").exists)
    await stop_group(agent.pid)
    await stop_group(agent.pid)
    await agent.wait()
    assert daemons_of(worktree) == []


async def test_an_agent_has_time_to_end_by_itself(machine: LocalMachine, worktree: Path) -> None:
    script = "trap 'sleep 0.3; echo saved > saved; exit' TERM; touch ready; while :; do sleep 0.05; done"
    agent = await start(machine, "run_1.turn_1", worktree, "sh", "-c", script)
    await until((worktree / "ready").exists)
    await machine.stop_all_of("run_1")
    await agent.wait()
    assert (worktree / "saved").exists()


async def test_agents_die_with_the_worker(machine: LocalMachine, worktree: Path) -> None:
    env = dict(machine.agent_env("run_1.turn_1", (), {}))
    argv = [*await machine.confine("run_1.turn_1", worktree, (), env), *escaping(worktree)]
    worker = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess; subprocess.run({argv!r})"], cwd=worktree, env=env
    )
    await until((worktree / "pid").exists)
    worker.kill()
    worker.wait()
    await until(lambda: daemons_of(worktree) == [])


async def test_only_this_runs_processes_of_this_installation_are_stopped(
    machine: LocalMachine, tmp_path: Path, worktree: Path
) -> None:
    other = LocalMachine(f"other-{os.getpid()}", tmp_path / "agents", ())
    theirs = await start(other, "run_1", worktree, "sleep", "60")
    sibling = await start(machine, "run_2", worktree, "sleep", "60")
    mine = await start(machine, "run_1", worktree, "sleep", "60")
    try:
        async with asyncio.timeout(30):
            while await machine.owners() != ["run_1", "run_2"]:  # what just starts has no environment yet
                await asyncio.sleep(0.02)
        assert await machine.stop_all_of("run_1") >= 1
        assert await machine.stop_all_of("run_1") == 0
        assert await mine.wait() != 0
        assert theirs.returncode is None
        assert sibling.returncode is None
    finally:
        await machine.stop_all_of("run_2")
        await other.stop_all_of("run_1")
        await asyncio.gather(theirs.wait(), sibling.wait())


async def test_a_sandbox_that_is_wanted_and_does_not_work_starts_nothing(
    tmp_path: Path, worktree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    probe.cache_clear()
    try:
        strict = LocalMachine("inst", tmp_path / "agents", (), Containment(mode="bubblewrap"))
        with pytest.raises(SandboxMissing, match=r"prlimit not found.*install bubblewrap"):
            await strict.check("run_1", "touch made", worktree, 10)
        assert list(worktree.iterdir()) == []
        assert "plain process tree" in Containment().in_force().note
        assert not Containment().in_force().is_sandbox
    finally:
        probe.cache_clear()


async def test_ones_own_processes_are_stopped_though_nobody_can_say_which_sessions_serve_it(
    tmp_path: Path, worktree: Path
) -> None:
    async def away(owner: str) -> list[str]:
        raise Upstream("The database is away.")

    name = f"test-{os.getpid()}-{tmp_path.name}"
    machine = LocalMachine(name, tmp_path / "agents", (), Containment(mode="off"), away)
    agent = await start(machine, "run_1", worktree, "sleep", "300")
    with pytest.raises(Upstream):
        await machine.stop_all_of("run_1")
    assert await agent.wait() != 0
