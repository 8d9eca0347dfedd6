"""What a program of a run can see, change, reach and use, in bubblewrap as agents and checks get it."""

import http.server
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kyros.fleet.adapters.containment import Containment
from kyros.fleet.adapters.machine import LocalMachine
from kyros.fleet.adapters.worktrees import PooledWorktrees
from kyros.infra.sandbox import Limits
from tests.integration.fleet.conftest import PROJECT, Bare
from tests.sandboxes import needs_bubblewrap, run

pytestmark = needs_bubblewrap


@dataclass
class Cell:
    """A run with a worktree on a home of Kyros', and its machine."""

    root: Path
    worktree: Path
    bare: Path

    def machine(self, **changes: object) -> LocalMachine:
        containment = Containment(
            **{"mode": "bubblewrap", "hidden": [self.root], "borrowed": lambda _: [self.bare], **changes}
        )  # type: ignore[arg-type]
        return LocalMachine(f"test-{os.getpid()}-{self.root.name}", self.root / "agents", (), containment)

    async def sh(self, script: str, **changes: object) -> tuple[int | None, str]:
        done = await self.machine(**changes).check("run_1", script, self.worktree, 60)
        return done.exit_code, done.output


@pytest.fixture
async def cell(tmp_path: Path, bare: Bare, pool: PooledWorktrees) -> Cell:
    worktree = await pool.lend("run_1", PROJECT, bare.path, "feature/a", bare.sha)
    return Cell(tmp_path, worktree, bare.path)


async def test_only_the_worktree_and_the_home_can_be_written(cell: Cell) -> None:
    code, said = await cell.sh("echo a > made && echo b > ~/made && echo c > /tmp/made; id -un; pwd")
    assert (code, said) == (0, f"agent\n{cell.worktree}\n")
    assert (cell.worktree / "made").read_text() == "a\n"
    assert (cell.root / "agents/run_1/home/made").read_text() == "b\n"
    for place in ("..", "/usr/local", "/etc", "/", "/var", "/dev", str(cell.bare), "/root", str(cell.root)):
        code, said = await cell.sh(f"echo x > {place}/planted")
        assert code != 0, place
        assert not (Path(place) / "planted").exists()
    assert not (cell.worktree.parent / "planted").exists()


async def test_the_hosts_homes_and_kyros_own_are_not_there(cell: Cell, tmp_path: Path) -> None:
    (cell.root / "operator.token").write_text("s3cret")
    other = cell.worktree.parent / "slot_other"
    other.mkdir()
    (other / "theirs").write_text("s3cret")
    secret = Path.home() / f".kyros-test-{os.getpid()}"
    secret.write_text("s3cret")
    try:
        _code, said = await cell.sh(
            f"cat {secret} {cell.root}/operator.token {other}/theirs {cell.worktree}.json;"
            f"cat {cell.worktree}.git/config;"
            f"ls ~root /home /run /root/.ssh /var/run/docker.sock /run/dbus {cell.worktree.parent}"
        )
    finally:
        secret.unlink()
    assert "s3cret" not in said
    assert said.strip().splitlines()[-1] == cell.worktree.name
    assert said.count("No such file or directory") + said.count("cannot access") >= 10


async def test_kyros_home_is_hidden_under_every_name_it_has(
    cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reached by a link; shown by a folder above it, by a link to that, by its own names, by a lent HOME."""
    home, names = tmp_path / "data/kyros", [tmp_path / "k", tmp_path / "data", tmp_path / "other"]
    home.mkdir(parents=True)
    names[0].symlink_to(home)
    names[2].symlink_to("data")
    (home / "operator.token").write_text("s3cret")
    (tmp_path / "data/weights").write_text("w")
    reads = f"cat {names[0]}/operator.token {home}/operator.token {names[2]}/kyros/operator.token"
    for hidden in (names[0], home):
        for shown in ([names[1], names[2]], [home], [names[0]]):
            _code, said = await cell.sh(reads, hidden=[hidden, cell.root], readable=shown)
            assert "s3cret" not in said, (hidden, shown)
        _code, said = await cell.sh(f"cat {tmp_path}/data/weights", hidden=[hidden], readable=[names[1]])
        assert said == "w"
        for lent in (names[1], home):
            monkeypatch.setenv("HOME", str(lent))
            machine = cell.machine(hidden=[hidden])
            env = {**machine.agent_env("run_1", ("HOME",), {})}
            prefix = await machine.confine("run_1", cell.worktree, (), env)
            done = run([*prefix, "sh", "-c", f"{reads}; echo x > {home}/made"], cell.worktree, **env)
            assert "s3cret" not in done.stdout, (hidden, lent)
            assert not (home / "made").exists()


async def test_no_variable_of_the_host_reaches_it(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    _code, said = await cell.sh("cat /proc/*/environ | tr '\\0' '\\n'")
    assert "s3cret" not in said
    assert "HOME=" in said


async def test_it_sees_its_own_processes_alone(cell: Cell) -> None:
    _, said = await cell.sh("cat /proc/[0-9]*/comm")
    assert set(said.split()) <= {"bwrap", "sh", "cat"}


async def test_a_lent_home_is_there_without_its_keys(
    cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent = tmp_path / "ada"
    (lent / ".ssh").mkdir(parents=True)
    (lent / ".ssh/id_ed25519").write_text("s3cret")
    (lent / ".netrc").write_text("s3cret")
    (lent / ".claude").write_text("signed in")
    (lent / ".link").symlink_to(".ssh")
    monkeypatch.setenv("HOME", str(lent))
    machine = cell.machine()
    env = {**machine.agent_env("run_1", ("HOME",), {})}
    prefix = await machine.confine("run_1", cell.worktree, (), env)
    done = run(
        [*prefix, "sh", "-c", "cat ~/.claude ~/.ssh/id* ~/.netrc ~/.link/id*; touch ~/new"],
        cell.worktree,
        **env,
    )
    assert done.stdout == "signed in"
    assert (lent / "new").exists()


@pytest.fixture
def port() -> Iterator[int]:
    """A server on the host's loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield server.server_address[1]
    server.shutdown()
    serving.join()
    server.server_close()


async def test_the_network_is_there_or_not_as_policy_has_it(cell: Cell, port: int) -> None:
    script = (
        f"python3 -c \"import socket; socket.create_connection(('127.0.0.1', {port}), 5); print('reached')\""
    )
    assert await cell.sh(script, network=True) == (0, "reached\n")
    code, said = await cell.sh(script, network=False)
    assert code != 0
    assert "reached" not in said.splitlines()


async def test_names_and_certificates_can_be_looked_up(cell: Cell) -> None:
    code, said = await cell.sh(
        "getent hosts localhost && cat /etc/resolv.conf /etc/nsswitch.conf && ls /etc/ssl"
    )
    assert code == 0
    assert Path("/etc/resolv.conf").read_text() in said
    code, said = await cell.sh("cat /etc/shadow /etc/ssh/* /etc/machine-id")
    assert code != 0


async def test_git_works_in_the_worktree_and_changes_nothing_outside(cell: Cell, bare: Bare) -> None:
    before = bare.head("main")
    code, said = await cell.sh(
        "echo more >> README.md; git status --short; git diff --stat; git add -A && git commit -qm mine;"
        "git log --format=%s; git fetch -q origin && git branch -r"
    )
    assert code == 0, said
    assert " M README.md" in said
    assert "mine\nc\n" in said
    assert "origin/main" in said
    for push in (
        "git push origin HEAD",
        f"git push {cell.bare} HEAD:refs/heads/main",
        f"rm -rf {cell.bare}/HEAD",
    ):
        code, said = await cell.sh(push)
        assert code != 0, said
    assert bare.head("main") == before


@pytest.mark.parametrize("program", ["node", "python3", "git", "perl"])
async def test_programs_of_the_path_start(cell: Cell, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    code, said = await cell.sh(f"{program} --version")
    assert code == 0, said


async def test_kyros_own_programs_start(cell: Cell) -> None:
    machine = cell.machine()
    env = {**machine.agent_env("run_1", (), {})}
    prefix = await machine.confine("run_1", cell.worktree, [sys.executable], env)
    done = run(
        [*prefix, sys.executable, "-P", "-m", "kyros.entrypoints.playbook", "--help"], cell.worktree, **env
    )
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_program_installed_in_a_home_starts_with_its_interpreter(
    cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As npm and pipx lay them out: a link in a bin folder to a script elsewhere, run by another program."""
    home = tmp_path / "ada"
    package, tools = home / ".npm-global/lib/node_modules/tool", home / "tools"
    for folder in (package, tools, home / ".npm-global/bin", home / ".local/bin"):
        folder.mkdir(parents=True)
    (home / "private.txt").write_text("s3cret")
    (package / "words.txt").write_text("hello")
    (package / "cli.js").write_text(
        '#!/usr/bin/env runner\ncat "$(dirname "$(readlink -f "$0")")/words.txt"\n'
    )
    (home / ".npm-global/bin/tool").symlink_to("../lib/node_modules/tool/cli.js")
    (home / ".local/bin/tool").symlink_to(home / ".npm-global/bin/tool")
    (tools / "runner").symlink_to("/bin/sh")
    for file in (package / "cli.js",):
        file.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{tools}")
    machine = cell.machine()
    env = {**machine.agent_env("run_1", (), {})}
    program = str(home / ".local/bin/tool")
    prefix = await machine.confine("run_1", cell.worktree, [program], env)
    done = run([*prefix, program], cell.worktree, **env)
    assert (done.stdout, done.stderr) == ("hello", "")
    assert run([*prefix, "cat", str(home / "private.txt")], cell.worktree, **env).returncode != 0


async def test_what_the_settings_name_can_be_read(cell: Cell, tmp_path: Path) -> None:
    more = tmp_path / "models"
    more.mkdir()
    (more / "weights").write_text("w")
    assert await cell.sh(f"cat {more}/weights", readable=[more]) == (0, "w")
    code, _ = await cell.sh(f"touch {more}/new", readable=[more])
    assert code != 0


async def test_memory_of_all_processes_together_has_a_limit(cell: Cell) -> None:
    hog = "import time; held = bytearray(120_000_000); print('holds', flush=True); time.sleep(50)"
    (cell.worktree / "hog.py").write_text(hog)
    limits = Limits(memory_bytes=200_000_000)
    code, said = await cell.sh("python3 hog.py & python3 hog.py & wait", limits=limits)
    assert code not in (0, None)
    assert (
        "It used 0.2 GiB of memory and was stopped: 0.2 GiB are allowed (KYROS_AGENT_MEMORY_BYTES)." in said
    )


async def test_a_process_that_grows_at_once_is_refused(cell: Cell) -> None:
    code, said = await cell.sh(
        "python3 -c 'held = bytearray(900_000_000)'", limits=Limits(memory_bytes=200_000_000)
    )
    assert code == 1
    assert "MemoryError" in said


async def test_memory_a_node_program_only_reserves_does_not_count(cell: Cell) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    script = (
        "new WebAssembly.Memory({initial: 1, maximum: 65536}); console.log(process.memoryUsage().rss > 1)"
    )
    code, said = await cell.sh(f"node -e {json.dumps(script)}", limits=Limits(memory_bytes=500_000_000))
    assert (code, said) == (0, "true\n")


async def test_a_crowd_of_processes_is_stopped(cell: Cell) -> None:
    code, said = await cell.sh(
        "i=0; while [ $i -lt 150 ]; do sleep 50 & i=$((i+1)); done; wait", limits=Limits(processes=100)
    )
    assert code not in (0, None)
    assert "100 are allowed (KYROS_AGENT_PROCESSES)." in said


async def test_processor_time_is_counted_over_all_processes(cell: Cell) -> None:
    code, said = await cell.sh(
        "for n in 1 2 3; do (while :; do :; done) & done; wait", limits=Limits(cpu_seconds=2)
    )
    assert code != 0
    assert "2 s are allowed (KYROS_AGENT_CPU_SECONDS)." in said


async def test_a_file_has_a_largest_size(cell: Cell) -> None:
    code, _ = await cell.sh("head -c 3000000 /dev/zero > large", limits=Limits(file_bytes=1_000_000))
    assert code != 0
    assert (cell.worktree / "large").stat().st_size == 1_000_000
