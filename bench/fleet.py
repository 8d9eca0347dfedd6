"""Warm against cold: starting a turn, laying out a worktree; memory of a ready session; many that stream.

    python -m bench fleet

The agents are playbook and, where node is installed, a scripted one that takes a second to start, as real
ones do. Sides take turns in each round. The server and its 50 sessions are a whole `kyros up`.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import psutil

from bench.rig import ROUNDS, Figures, Row, report
from kyros.drivers.adapters.driver import AgentDriver
from kyros.drivers.adapters.profiles import load_profiles
from kyros.drivers.model import Launch, Profile, SessionState, State
from kyros.drivers.ports import Listener
from kyros.fleet.adapters.worktrees import PooledWorktrees
from kyros.kernel.ids import new_id

FILES = 1_000
STREAMS = 50
STREAM_SECONDS = 20
_SLOW_AGENT = """
const begin = Date.now(); while (Date.now() - begin < 1000);  // what a real one does before its prompt
process.stdin.setRawMode && process.stdin.setRawMode(true);
let text = '';
process.stdout.write('slow agent\\r\\n> ');
process.stdin.on('data', (keys) => {
  for (const key of keys.toString()) {
    if (key === '\\x04') process.exit(0);
    if (key !== '\\r') { text += key; process.stdout.write(key); continue; }
    process.stdout.write('\\r\\nThinking...');
    setTimeout(() => { process.stdout.write('\\r\\nDone: ' + text.length + '\\r\\n> '); text = ''; }, 20);
  }
});
"""
_SLOW_PROFILE = r"""title = "A slow agent"
command = ["node", "{script}"]
tiers = ["terminal"]
is_model = false
install_hint = "Install node."

[terminal]
ready = '^>\Z'
busy = 'Thinking\.\.\.\Z'
submit_settle_ms = 10
done_settle_ms = 30
"""


def main(arguments: list[str]) -> int:
    """Exit code 1 when a mark is missed."""
    with tempfile.TemporaryDirectory(prefix="kyros-bench-", dir=os.environ.get("TMPDIR")) as folder:
        rows = asyncio.run(_in_process(Path(folder)))
        rows += _streaming(Path(folder) / "home")
    return report("The fleet", "reference", rows)


async def _in_process(folder: Path) -> list[Row]:
    found = Figures()
    profiles = _profiles(folder)
    for number in range(ROUNDS + 1):
        side = Figures() if number == 0 else found
        for profile in profiles:
            await _starts(profile, folder / f"{profile.name}-{number}", side)
        await _worktrees(folder / f"trees-{number}", side)
    rows = []
    for profile in profiles:
        cold, warm = f"{profile.name} cold", f"{profile.name} warm"
        rows.append(
            Row(
                f"{profile.name}: from the prompt given to work begun",
                f"{found.median(warm):.0f} ms warm",
                f"{found.median(cold):.0f} ms cold",
                found.ratio(cold, warm),
                least=5 if profile.name == "slow" else None,
            )
        )
        first = found.median(f"{profile.name} first byte")
        rows.append(Row(f"{profile.name}: from a free session to the first byte back", f"{first:.1f} ms"))
        memory = found.median(f"{profile.name} MB")
        rows.append(Row(f"{profile.name}: memory of a ready session", f"{memory:.0f} MB"))
    rows.append(
        Row(
            f"a worktree of {FILES:,} files",
            f"{found.median('warm worktree'):.0f} ms warm",
            f"{found.median('git worktree add'):.0f} ms git worktree add",
            found.ratio("git worktree add", "warm worktree"),
            least=10,
        )
    )
    return rows


def _profiles(folder: Path) -> list[Profile]:
    made = folder / "profiles"
    made.mkdir()
    names = ["playbook"]
    if shutil.which("node"):
        (folder / "slow.js").write_text(_SLOW_AGENT)
        (made / "slow.toml").write_text(_SLOW_PROFILE.format(script=folder / "slow.js"))
        names.append("slow")
    loaded = load_profiles(made)
    return [loaded.get(name) for name in names]


async def _starts(profile: Profile, folder: Path, found: Figures) -> None:
    """From the prompt given until it works on it: the program started then, and started ahead."""
    for side in ("cold", "warm"):
        place = folder / side
        place.mkdir(parents=True)
        echoed: list[float] = []
        taken: list[float] = []
        begun = [0.0]

        def output(data: bytes, echoed: list[float] = echoed, begun: list[float] = begun) -> None:
            if begun[0]:
                echoed.append(time.perf_counter())

        def state(state: State, taken: list[float] = taken) -> None:
            if state.state is SessionState.WORKING:
                taken.append(time.perf_counter())

        listener = Listener(output=output, state=state, decide=_nobody)
        env = {"PATH": os.environ["PATH"], "HOME": str(place)}
        opening = AgentDriver().open(profile, Launch(place, env), listener)
        session = None
        if side == "warm":
            session = await opening
            assert await session.ready(60) is None
            await asyncio.sleep(0.2)
            children = psutil.Process().children(recursive=True)
            resident = sum(one.memory_full_info().pss for one in children)
            found.note(f"{profile.name} MB", resident / 1e6)
        begun[0] = time.perf_counter()
        session = session or await opening
        outcome = await session.turn("Read nothing.", 60)
        assert taken, outcome
        found.note(f"{profile.name} {side}", (taken[0] - begun[0]) * 1_000)
        if side == "warm":
            found.note(f"{profile.name} first byte", (echoed[0] - begun[0]) * 1_000)
        await session.stop()


async def _nobody(request: object) -> None:
    raise AssertionError(request)


async def _worktrees(folder: Path, found: Figures) -> None:
    bare, sha = _repository(folder)
    trees = PooledWorktrees(folder / "worktrees", lambda project: bare, new_id)
    await trees.lend("run_0", "p", bare, "feature/0", sha)
    await trees.give_back("run_0")
    began = time.perf_counter()
    await trees.lend("run_1", "p", bare, "feature/1", sha)
    found.note("warm worktree", (time.perf_counter() - began) * 1_000)
    began = time.perf_counter()
    _git(bare, "worktree", "add", "-q", "-b", "feature/2", str(folder / "linked"), sha)
    found.note("git worktree add", (time.perf_counter() - began) * 1_000)


def _repository(folder: Path) -> tuple[Path, str]:
    source = folder / "source"
    source.mkdir(parents=True)
    _git(source, "init", "-q", "-b", "main")
    for number in range(FILES):
        file = source / f"part{number % 40}" / f"file{number}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"value_{number} = {number}\n" * 150)
    _git(source, "add", "-A")
    _git(source, "-c", "user.name=A", "-c", "user.email=a@kyros.invalid", "commit", "-q", "-m", "first")
    bare = folder / "bare.git"
    _git(folder, "clone", "-q", "--bare", str(source), str(bare))
    return bare, _git(bare, "rev-parse", "main")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _streaming(home: Path) -> list[Row]:
    """50 sessions print ten lines a second each while a cheap GET is measured."""
    place = home / "shared" / "stream"
    place.mkdir(parents=True)
    lines = f"for n in $(seq {STREAM_SECONDS * 10}); do echo line $n of a stream; sleep 0.1; done"
    (place / "TASK.md").write_text(f"```sh run\n{lines}\n```\n")
    settings = {"KYROS_WORKER_SLOTS": str(STREAMS), "KYROS_POOL_SIZE": "0", "KYROS_POOL_MAX": str(STREAMS)}
    with _kyros(home, settings) as http:
        body = {"prompt": "Read TASK.md and implement the feature.", "cwd": str(place), "queueMs": 60_000}
        asking = [
            threading.Thread(target=lambda: http().post("/api/execute", json=body, timeout=300))
            for _ in range(STREAMS)
        ]
        for thread in asking:
            thread.start()
        with http() as client:
            while sum(one["busy"] and one["ready"] for one in _workers(client)) < STREAMS * 0.9:
                time.sleep(0.2)
            took, busiest = [], 0
            end = time.perf_counter() + STREAM_SECONDS / 2
            while time.perf_counter() < end:
                began = time.perf_counter()
                client.get("/healthz")
                took.append((time.perf_counter() - began) * 1_000)
                if len(took) % 50 == 0:
                    busiest = max(busiest, sum(one["busy"] for one in _workers(client)))
                time.sleep(0.02)
            client.post("/api/runs/stop-all")
        for thread in asking:
            thread.join()
    p99 = statistics.quantiles(took, n=100)[98]
    name = f"a GET while {busiest} sessions stream: 99th percentile of {len(took):,}"
    return [
        Row(name, f"{p99:.1f} ms, median {statistics.median(took):.1f} ms", "", p99, most=100, unit=" ms")
    ]


def _workers(client: httpx2.Client) -> list[dict[str, object]]:
    workers: list[dict[str, object]] = client.get("/api/pool/health").json()["workers"]
    return workers


class _kyros:  # noqa: N801 - reads as a verb where it is used
    """`kyros up` while open; gives what makes a client."""

    def __init__(self, home: Path, settings: dict[str, str]) -> None:
        self._home, self._settings = home, settings

    def __enter__(self) -> Callable[[], httpx2.Client]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KYROS_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kyros", "up", "--home", str(self._home), "--port", "0"],
            env=inherited | self._settings,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        address = self._process.stdout.readline().decode().split()[-1]
        token = (self._home / "operator.token").read_text().strip()
        return lambda: httpx2.Client(
            base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
        )

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
