"""What the gate and the rate limit cost a request: a route behind them, and the same route bare.

.venv/bin/python -m bench gate
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import uvloop

from bench.load import loaded
from bench.rig import ROUNDS, Figures, Row, report
from bench.servers import prepared, serving

CONNECTIONS, SECONDS = 32, 2.0


def main(arguments: list[str]) -> int:
    found = Figures()
    with tempfile.TemporaryDirectory(prefix="kyros-bench-") as folder, ExitStack() as stack:
        servers = {}
        for name in ("gated", "bare"):
            uvloop.run(_prepare(Path(folder) / name))
            servers[name] = stack.enter_context(serving(Path(folder) / name, "bench.peers", name))
        for number in range(ROUNDS + 1):
            for name, served in servers.items():
                load = loaded(served, "/api/ping", CONNECTIONS, SECONDS)
                if number:
                    found.note(name, load.rate)
                    found.note(f"{name} cpu", load.cpu_ms)
    gated, bare = found.median("gated"), found.median("bare")
    rows = [
        Row("GET, a second", f"{gated:,.0f}", f"{bare:,.0f}", found.ratio("gated", "bare")),
        Row("CPU for each, ms", f"{found.median('gated cpu'):.3f}", f"{found.median('bare cpu'):.3f}"),
    ]
    return report(
        f"A route behind gate, rate limit and strict bodies, {CONNECTIONS} connections", "bare", rows
    )


async def _prepare(root: Path) -> None:
    async with prepared(root):
        pass
