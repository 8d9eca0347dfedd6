"""The pipeline's own time (delegate to pushed, less the turn) beside the same git commands in a shell.

    .venv/bin/python -m bench.pipeline

On a repository of 1,000 files, both in one run and in turn. The script is the least that git needs: a
bare copy at first; then a worktree with a branch, a commit with TASK.md, a commit with the code, and the
worktree removed again. It records nothing, checks nothing and survives nothing.
"""

import hashlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.table import Table

FILES = 1_000
FIRST_RUNS, WARM_RUNS = 5, 9
FIRST_MARK, WARM_MARK, ANSWER_MARK_MS = 1.5, 0.6, 300.0
OBJECTIVE = "Write it.\n\n```text file=src/made.txt\nmade\n```\n"

FIRST = 'git clone -q --bare --no-hardlinks "$1" "$2/forge.git"\n'
WARM = """
cd "$2/forge.git"
git worktree add -q -b "feature/$3" "$2/wt-$3" main
cd "$2/wt-$3"
printf '# Task\\n' > TASK.md
git add TASK.md
git commit -q -m 'docs: TASK.md'
printf 'made\\n' > src/made.txt
git add src/made.txt
git commit -q -m 'feat: made'
cd "$2/forge.git"
git worktree remove --force "$2/wt-$3"
"""


def main(arguments: list[str]) -> int:
    """Prints the table; 1 when a ratio misses its mark."""
    with tempfile.TemporaryDirectory(prefix="kyros-bench-") as folder:
        root = Path(folder)
        source = make_repository(root / "source")
        with kyros(root / "home") as server:
            first = compare_first(server, source, root)
            warm = compare_warm(server, source, root)
    return report(first, warm)


def make_repository(folder: Path) -> Path:
    """1,000 text files of about 4 KB in 40 folders, the same each time."""
    dice = random.Random(1)
    for number in range(FILES):
        file = folder / "src" / f"part{number % 40:02}" / f"file{number:04}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = [hashlib.sha256(dice.randbytes(8)).hexdigest() for _ in range(64)]
        file.write_text("\n".join(lines) + "\n")
    for command in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        ["-c", "user.name=B", "-c", "user.email=b@kyros.invalid", "commit", "-q", "-m", "first"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def compare_first(server: "Server", source: Path, root: Path) -> list[tuple[float, float, float]]:
    """(own time, script, time to the answer less the clone) in ms, each with a project Kyros has not seen."""
    found = []
    for number in range(FIRST_RUNS):
        copy = root / f"copy{number}"
        shutil.copytree(source, copy)
        cloned = run_script(FIRST, copy, root / f"script{number}", "first")
        script = cloned + run_script(WARM, copy, root / f"script{number}", "first")
        own, answer = server.delegate(copy)
        found.append((own, script, answer - cloned))
    return found


def compare_warm(server: "Server", source: Path, root: Path) -> list[tuple[float, float, float]]:
    """The same for a project that has been worked on before."""
    run_script(FIRST + WARM, source, root / "script", "zero")
    server.delegate(source)
    found = []
    for number in range(WARM_RUNS):
        script = run_script(WARM, source, root / "script", str(number))
        own, answer = server.delegate(source)
        found.append((own, script, answer))
    return found


def run_script(script: str, source: Path, folder: Path, name: str) -> float:
    folder.mkdir(exist_ok=True)
    identity = {
        f"GIT_{who}_{what}": "b@kyros.invalid"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    began = time.perf_counter()
    subprocess.run(
        ["sh", "-e", "-c", script, "script", str(source), str(folder), name],
        env=os.environ | identity,
        check=True,
        capture_output=True,
    )
    return (time.perf_counter() - began) * 1000


class Server:
    """A running Kyros; `delegate` waits for the end of the run."""

    def __init__(self, address: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx2.Client(base_url=address, headers=headers, timeout=60, trust_env=False)

    def delegate(self, repository: Path) -> tuple[float, float]:
        """(own time up to the push without the turn, time to the answer), in ms."""
        body = {"title": "Bench", "objective": OBJECTIVE, "repo": str(repository), "agent": "playbook"}
        began_at, began = time.time(), time.perf_counter()
        answer = self._http.post("/api/delegations", json=body)
        answered = (time.perf_counter() - began) * 1000
        answer.raise_for_status()
        steps = {step["name"]: step for step in self._finished(answer.json()["run_id"])["steps"]}
        pushed = datetime.fromisoformat(steps["push"]["ended_at"]).timestamp()
        began_turn = datetime.fromisoformat(steps["turn"]["started_at"]).timestamp()
        ended_turn = datetime.fromisoformat(steps["turn"]["ended_at"]).timestamp()
        return (pushed - began_at - (ended_turn - began_turn)) * 1000, answered

    def _finished(self, run_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            run: dict[str, Any] = self._http.get(f"/api/runs/{run_id}").json()
            if run["status"] == "succeeded":
                return run
            if run["status"] in ("failed", "timed_out", "cancelled"):
                raise SystemExit(f"the run {run['status']}: {run['explanation']}")
            time.sleep(0.1)
        raise SystemExit("the run did not end")


@contextmanager
def kyros(home: Path) -> Iterator[Server]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KYROS_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "kyros", "up", "--home", str(home), "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().decode().split()[-1]
        yield Server(address, (home / "operator.token").read_text().strip())
    finally:
        process.terminate()
        process.wait(20)


def report(first: list[tuple[float, float, float]], warm: list[tuple[float, float, float]]) -> int:
    console = Console()
    table = Table(title=f"pipeline on {FILES} files, medians in ms", title_justify="left")
    for column in ("", "runs", "kyros", "git script", "ratio", "mark", "POST less its clone"):
        table.add_column(column, justify="left" if not column else "right")
    missed = 0
    for name, rows, mark in (("first run of a project", first, FIRST_MARK), ("afterwards", warm, WARM_MARK)):
        own, script, answer = (statistics.median(column) for column in zip(*rows, strict=True))
        ratio = statistics.median(row[0] / row[1] for row in rows)
        missed += (ratio > mark) + (answer > ANSWER_MARK_MS)
        table.add_row(
            name,
            str(len(rows)),
            f"{own:.0f}",
            f"{script:.0f}",
            f"{ratio:.2f}x",
            f"<= {mark}x",
            f"{answer:.0f} (<= {ANSWER_MARK_MS:.0f})",
        )
    console.print(table)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
