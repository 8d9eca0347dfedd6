"""A plain process tree below its keeper: nothing outlives the program, and signals and exits pass through."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from kyros.infra.process import KEEPER, clean_env
from tests.sandboxes import daemons_of, escaping, held_to

PATIENCE_SECONDS = 20


def kept(*words: str, limits: tuple[str, ...] = (), **more: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(KEEPER), *limits, "--", *words],
        env=clean_env(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **more,  # type: ignore[call-overload]
    )


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_ends_as_the_program_ends() -> None:
    ends = [kept("sh", "-c", command) for command in ("exit 7", "kill -9 $$", "kill -TERM $$")]
    for one in ends:
        one.communicate()
    assert [one.returncode for one in ends] == [7, -signal.SIGKILL, -signal.SIGTERM]


def test_a_program_that_is_not_there_is_said() -> None:
    process = kept("no-such-program")
    assert "no-such-program cannot be started" in process.communicate()[0]
    assert process.returncode == 127


def test_a_limit_that_may_not_be_set_is_said() -> None:
    process = kept("true", limits=("fsize=2000",), preexec_fn=held_to("FSIZE=1000"))
    assert "true cannot be started" in process.communicate()[0]
    assert process.returncode == 127


def test_what_a_program_leaves_ends_with_it_even_without_an_environment(tmp_path: Path) -> None:
    daemon = " ".join(escaping(tmp_path))
    process = kept(
        "sh", "-c", f"{daemon} >/dev/null 2>&1 & until test -f pid; do sleep 0.05; done", cwd=tmp_path
    )
    process.communicate(timeout=PATIENCE_SECONDS)
    assert (tmp_path / "pid").exists()
    assert daemons_of(tmp_path) == []


def test_everything_ends_when_whoever_started_it_is_killed(tmp_path: Path) -> None:
    daemon = [sys.executable, "-I", "-S", str(KEEPER), "--", *escaping(tmp_path)]
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess; subprocess.run({daemon!r})"], cwd=tmp_path
    )
    until((tmp_path / "pid").exists)
    parent.kill()
    parent.wait()
    until(lambda: daemons_of(tmp_path) == [])


def test_a_signal_to_the_group_is_the_programs_alone() -> None:
    script = "trap 'echo told; exit 3' INT TERM; echo begun; while :; do sleep 0.1; done"
    for number in (signal.SIGINT, signal.SIGTERM):
        process = kept("sh", "-c", script)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.killpg(process.pid, number)
        said = process.communicate(timeout=PATIENCE_SECONDS)[0].splitlines()
        assert said.count("told") == 1  # the shell may say as well that its sleep was terminated
        assert process.returncode == 3


def test_a_program_gets_its_signals_as_python_found_them() -> None:
    asks = ["grep", "SigIgn", "/proc/self/status"]
    bare = subprocess.run(asks, capture_output=True, text=True, check=True).stdout
    assert kept(*asks).communicate()[0] == bare


def test_limits_are_the_programs() -> None:
    process = kept(
        "sh",
        "-c",
        "ulimit -n; ulimit -d; ulimit -t; ulimit -c",
        limits=("nofile=64", "data=1048576", "cpu=9"),
    )
    assert process.communicate()[0].split() == ["64", "1024", "9", "0"]


def test_a_program_that_computes_for_too_long_is_ended() -> None:
    process = kept("sh", "-c", "while :; do :; done", limits=("cpu=1",))
    process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
