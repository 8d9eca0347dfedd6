"""A whole Kyros under test: `kyros up` on a home of its own, its API, and how to kill it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import psutil

from kyros.entrypoints.home import Home

START_SECONDS = 60
RUN_SECONDS = 60
ENDED = ("succeeded", "failed", "cancelled", "timed_out")


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; none of a process that ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


class Kyros:
    """Started with `start`, ended with `stop` or `kill`; may be started again on the same home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None
        self.http = httpx2.Client(timeout=30, trust_env=False)

    def start(self, **environment: str) -> None:
        self.close()
        self.process = self.launch("--port", "0", **environment)
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert "listening on" in line, f"kyros up said {line!r}"
        token = (self.home / "operator.token").read_text().strip()
        self.http = httpx2.Client(
            base_url=line.split()[-1],
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )
        self.wait(self.answers, START_SECONDS)

    def launch(self, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        """`kyros up` as a process of its own, whatever comes of it."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KYROS_")}
        return subprocess.Popen(
            [sys.executable, "-m", "kyros", "up", "--home", str(self.home), *arguments],
            env=inherited | {"KYROS_LEASE_TTL_SECONDS": "5"} | environment,
            stdout=subprocess.PIPE,
            cwd=self.home.parent,
            start_new_session=True,
        )

    def close(self) -> None:
        """Let go of pipes and connections; the process is the caller's."""
        self.http.close()
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        """SIGKILL to supervisor, server and worker at once; agents are left to fend for themselves."""
        assert self.process is not None
        for process in [psutil.Process(self.process.pid), *self.children()]:
            process.kill()
        self.process.wait()

    def children(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children()

    def child(self, role: str) -> psutil.Process:
        return next(one for one in self.children() if f"kyros.entrypoints.{role}" in words_of(one))

    def get(self, path: str, **query: str) -> Any:
        answer = self.http.get(path, params=query)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: object = None, **headers: str) -> httpx2.Response:
        return self.http.post(path, json=body, headers=headers)

    def delegate(self, repository: Path, objective: str, **more: object) -> dict[str, Any]:
        body = {"title": "Add a feature", "objective": objective, "repo": str(repository)} | more
        answer = self.post("/api/delegations", body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def finished(self, run_id: str) -> dict[str, Any]:
        """The run once it has ended."""

        def ended() -> dict[str, Any] | None:
            run: dict[str, Any] = self.get(f"/api/runs/{run_id}")
            return run if run["status"] in ENDED else None

        run: dict[str, Any] = self.wait(ended, RUN_SECONDS)
        return run

    def wait(self, found: Callable[[], Any], seconds: float) -> Any:
        deadline = time.monotonic() + seconds
        while True:
            if value := found():
                return value
            assert time.monotonic() < deadline, f"not within {seconds} s: {found}"
            time.sleep(0.05)

    def agents(self) -> list[int]:
        """Live processes that carry this installation's marker."""
        marker = f"KYROS_PROCESS={Home(self.home).installation()}/"
        found = []
        for process in psutil.process_iter():
            try:
                environment = Path(f"/proc/{process.pid}/environ").read_bytes()
                if marker.encode() in environment and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.pid)
            except (psutil.Error, OSError):
                continue
        return found

    def strays(self) -> list[int]:
        """Live processes of agents that belong to no session kept ready."""
        ready = [one["id"] for one in self.get("/api/pool/health")["workers"] if not one["busy"]]
        owners = {f"KYROS_PROCESS={Home(self.home).installation()}/{one}".encode() for one in ready}
        found = []
        for pid in self.agents():
            with suppress(OSError):
                environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                if environment != [b""] and not owners & set(environment):
                    found.append(pid)
        return found

    def slots(self) -> list[Path]:
        """Records of the worktrees where no session stands ready."""
        records = self.home.glob("worktrees/*/slot_*.json")
        return [one for one in records if '"reserved": null' in one.read_text()]

    def bare(self, project_id: str) -> Path:
        return self.home / "forge" / f"{project_id}.git"

    def answers(self) -> bool:
        try:
            return self.http.get("/healthz").status_code == 200
        except httpx2.TransportError:
            return False


class Barrier:
    """A command that holds the first attempt up and lets later ones pass, in a sandbox too."""

    def __init__(self, kyros: Kyros) -> None:
        self._kyros = kyros
        self._folder = kyros.home.parent / "barrier"
        self._folder.mkdir()
        self.environment = {"KYROS_SANDBOX_READABLE": json.dumps([str(self._folder)])}
        held = "{ touch ~/seen; sleep 300; }"
        self.command = f"\n```sh run\ntest -f {self._folder}/open || {held}\n```\n"

    def reached(self) -> None:
        """Wait until somebody is held up; whoever comes now passes."""
        self._kyros.wait(lambda: list(self._kyros.home.glob("agents/*/home/seen")), START_SECONDS)
        (self._folder / "open").touch()


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def repository(folder: Path, files: dict[str, str]) -> Path:
    """A git repository with one commit on main."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "-A")
    who = ("-c", "user.name=A", "-c", "user.email=a@kyros.invalid")
    git(folder, *who, "commit", "-q", "--allow-empty", "-m", "first")
    return folder


def writes(path: str, text: str = "written\n") -> str:
    """An objective that playbook carries out: write one file."""
    return f"Write it.\n\n```text file={path}\n{text}```\n"
