"""A program that is none: it plays messages to a real ACP session in memory, cut into pieces as told."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kyros.drivers.adapters.acp.session import AcpSession, Patience
from kyros.drivers.model import AcpSpec, Launch, Outcome, Profile, Tier
from tests.contract.drivers.rigs import Ears

PATIENCE = Patience(cancel=0.01, drain=0.05, rest=0.05, closed=0.05)
RECORDED_FOLDER = "/home/dev/repo"

Json = dict[str, Any]


@dataclass
class Stream:
    """What an end of a pipe gives when it is read."""

    chunks: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    async def read(self) -> bytes:
        return await self.chunks.get()


class Player:
    """Stands where a child process would. `heard` is asked for what to print at each line of the client's."""

    pid = 0
    unsent_bytes = 0

    def __init__(self, heard: Callable[[Json], Iterable[bytes]]) -> None:
        self.stdout, self.stderr = Stream(), Stream()
        self.exit_code: int | None = None
        self._heard = heard
        self._gone = asyncio.Event()

    def send(self, data: bytes) -> None:
        for line in data.splitlines():
            for chunk in self._heard(json.loads(line)):
                self.say(chunk)

    def say(self, chunk: bytes) -> None:
        if chunk and self.exit_code is None:
            self.stdout.chunks.put_nowait(chunk)

    def end(self, code: int) -> None:
        if self.exit_code is None:
            self.exit_code = code
            self._gone.set()
            self.stdout.chunks.put_nowait(b"")
            self.stderr.chunks.put_nowait(b"")

    async def wait(self) -> None:
        await self._gone.wait()

    async def stop(self) -> None:
        self.end(-15)


class Tape:
    """Both directions of a recording; the agent's bytes come in pieces cut at `cuts`, and end at `until`."""

    def __init__(self, entries: Sequence[Json], cuts: Sequence[int] = (), until: int | None = None) -> None:
        self._entries = list(entries)
        self._cuts = list(cuts)
        self._until = until
        self._played = 0
        self.player = Player(self._after)
        self.answers: list[Json] = []
        self.unlike: list[tuple[Json, Json]] = []

    def _after(self, message: Json) -> Iterable[bytes]:
        recorded = self._entries.pop(0) if self._entries and self._entries[0]["dir"] == "client" else None
        if "method" not in message:
            self.answers.append(message)
        if recorded is not None and _essence(message) != _essence(recorded["msg"]):
            self.unlike.append((message, recorded["msg"]))
        while self._entries and self._entries[0]["dir"] == "agent":
            yield from self._pieces(
                json.dumps(self._entries.pop(0)["msg"], ensure_ascii=False).encode() + b"\n"
            )

    def _pieces(self, data: bytes) -> Iterable[bytes]:
        began, self._played = self._played, self._played + len(data)
        if self._until is not None and self._played >= self._until:
            yield data[: max(self._until - began, 0)]
            self.player.end(-9)
            return
        places = sorted({0, len(data), *(cut - began for cut in self._cuts if 0 < cut - began < len(data))})
        for start, end in itertools.pairwise(places):
            yield data[start:end]


def entries_of(file: Path, folder: Path) -> list[Json]:
    """A recording, as if it had been made in `folder`."""
    text = file.read_text().replace(RECORDED_FOLDER, str(folder))
    return [json.loads(line) for line in text.splitlines()]


def size_of(entries: Sequence[Json]) -> int:
    said = (json.dumps(e["msg"], ensure_ascii=False).encode() for e in entries if e["dir"] == "agent")
    return sum(len(line) + 1 for line in said)


async def play(player: Player, spec: AcpSpec, folder: Path, ears: Ears, seconds: float = 30) -> Outcome:
    """One turn of a session over it."""
    profile = Profile("tape", "Tape", ("tape",), (Tier.ACP,), False, "", acp=spec)
    spec = replace(spec, mode=None, drain_ms=1)
    session = AcpSession(
        profile, spec, ("no-such-program",), player, Launch(folder, {}), {}, ears.listener(), PATIENCE
    )
    session.begin()
    try:
        return await session.turn("Read TASK.md and implement it.", seconds)
    finally:
        await session.stop()


def _essence(message: Json) -> Json:
    """What must be as it was recorded: methods and results, and the code of an error, not its words."""
    return {
        "id": message.get("id"),
        "method": message.get("method"),
        "result": message.get("result"),
        "code": message.get("error", {}).get("code"),
        "prompt": message.get("params", {}).get("prompt"),
    }
