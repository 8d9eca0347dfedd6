"""One vocabulary of work for every driver: what the program is to do, told in each one's own way."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from kyros.drivers.adapters.driver import AgentDriver
from kyros.drivers.adapters.profiles import load_profiles
from kyros.drivers.fake import (
    CRASHED,
    Asks,
    Ends,
    FakeDriver,
    Hangs,
    Notes,
    Says,
    Spends,
    Step,
    Writes,
    fake_profile,
)
from kyros.drivers.model import (
    AcpSpec,
    ActionKind,
    ApprovalRequest,
    Decision,
    Entry,
    EntryKind,
    HeadlessSpec,
    Launch,
    Outcome,
    Profile,
    ResultKind,
    SessionState,
    State,
    Tier,
    Usage,
)
from kyros.drivers.ports import Driver, Listener, Session

COUNTERPART = Path(__file__).with_name("counterpart.py")
ACP_AGENT = Path(__file__).with_name("acp_agent.py")
PROMPT = "Read TASK.md and implement the feature."


@dataclass(frozen=True)
class Work:
    """`do`: write (asks first), fail, crash, hang."""

    do: str
    path: str = ""
    text: str = ""


@dataclass
class Ears:
    """A listener that remembers everything and allows what `allow` says."""

    allow: bool = True
    note: str = ""
    output: bytearray = field(default_factory=bytearray)
    states: list[SessionState] = field(default_factory=list)
    pids: list[int] = field(default_factory=list)
    requests: list[ApprovalRequest] = field(default_factory=list)
    told: list[State] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    working: asyncio.Event = field(default_factory=asyncio.Event)

    def listener(self) -> Listener:
        return Listener(
            self.output.extend, self._state, self._decide, self.pids.append,
            self.entries.append, self.usages.append,
        )  # fmt: skip

    def _state(self, state: State) -> None:
        self.states.append(state.state)
        self.told.append(state)
        if state.state is SessionState.WORKING:
            self.working.set()

    async def _decide(self, request: ApprovalRequest) -> Decision:
        self.requests.append(request)
        return Decision(self.allow, "test", self.note)


class Rig(Protocol):
    driver: Driver
    profile: Profile

    def tell(self, folder: Path, works: Sequence[Work]) -> None: ...

    def uninstall(self) -> None: ...


class FakeRig:
    def __init__(self) -> None:
        self.driver = FakeDriver()
        self.profile = fake_profile()

    def tell(self, folder: Path, works: Sequence[Work]) -> None:
        steps: list[Step] = [Says("At work.\r\n")]
        for work in works:
            if work.do == "write":
                steps += [
                    Asks(ApprovalRequest(ActionKind.WRITE, work.path, work.path)),
                    Notes(Entry(EntryKind.TOOL_CALL, f"write {work.path}")),
                    Writes(work.path, work.text),
                    Spends(Usage(tool_calls={"write": 1})),
                ]
            steps += {
                "fail": [Ends(Outcome(ResultKind.FAILED, "script", "it failed"))],
                "crash": [Ends(CRASHED)],
                "hang": [Hangs()],
            }.get(work.do, [])
        self.driver.script = steps

    def uninstall(self) -> None:
        self.driver.missing = frozenset({self.profile.name})


class TerminalRig:
    """The real terminal driver over the real playbook."""

    def __init__(self) -> None:
        self.driver = AgentDriver()
        self.profile = load_profiles().get("playbook")

    def tell(self, folder: Path, works: Sequence[Work]) -> None:
        blocks = {
            "write": lambda work: f"```text file={work.path}\n{work.text}```\n",
            "fail": lambda _: "```sh run\nexit 3\n```\n",
            "crash": lambda _: "```sh run\nkill -9 $PPID\n```\n",
            "hang": lambda _: "```sh run\nsleep 1000\n```\n",
        }
        (folder / "TASK.md").write_text("".join(blocks[work.do](work) for work in works))

    def uninstall(self) -> None:
        self.profile = replaced(self.profile, command=("no-such-program-anywhere",))


class HeadlessRig:
    """The real headless driver over a program that speaks claude's dialect."""

    def __init__(self) -> None:
        self.driver = AgentDriver()
        self.profile = Profile(
            name="counterpart", title="Counterpart", command=("@python", "-P", str(COUNTERPART)),
            tiers=(Tier.HEADLESS,), is_model=False, install_hint="It is part of the tests.",
            headless=HeadlessSpec((), "claude"),
        )  # fmt: skip

    def tell(self, folder: Path, works: Sequence[Work]) -> None:
        (folder / "STEPS.json").write_text(json.dumps([vars(work) for work in works]))

    def uninstall(self) -> None:
        self.profile = replaced(self.profile, command=("no-such-program-anywhere",))


class AcpRig:
    """The real ACP driver over a program that speaks it."""

    def __init__(self) -> None:
        self.driver = AgentDriver()
        self.profile = acp_profile()

    def tell(self, folder: Path, works: Sequence[Work]) -> None:
        needed = {"write": ("do", "path", "text")}
        steps = [{key: getattr(work, key) for key in needed.get(work.do, ("do",))} for work in works]
        (folder / "STEPS.json").write_text(json.dumps(steps))

    def uninstall(self) -> None:
        self.profile = replaced(self.profile, command=("no-such-program-anywhere",))


def acp_profile(**spec: object) -> Profile:
    return Profile(
        name="acp-agent", title="ACP agent", command=("@python", "-P", str(ACP_AGENT)),
        tiers=(Tier.ACP,), is_model=False, install_hint="It is part of the tests.",
        acp=AcpSpec(**{"drain_ms": 50, **spec}),
    )  # fmt: skip


RIGS = {"fake": FakeRig, "terminal": TerminalRig, "headless": HeadlessRig, "acp": AcpRig}


def replaced(profile: Profile, **changes: object) -> Profile:
    return Profile(**{**vars(profile), **changes})


WRAPPED = ("/bin/sh", "-c", '"$@"; exit', "sh")
"""Stands before a program as a sandbox does: it ends with 128 + n where signal n ended the program."""


def launch(folder: Path, prefix: Sequence[str] = ()) -> Launch:
    """An allow-listed environment with an empty home, as the rooms above give it."""
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    return Launch(folder, {"PATH": os.environ["PATH"], "HOME": str(home)}, prefix=prefix)


def is_gone(pid: int) -> bool:
    """No live member is left of the group that the program founded."""
    return not any(_is_member(process, pid) for process in psutil.process_iter())


def _is_member(process: psutil.Process, pid: int) -> bool:
    try:
        return os.getpgid(process.pid) == pid and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.Error):
        return False


async def one_turn(
    rig: Rig, folder: Path, ears: Ears, timeout_seconds: float = 60, prefix: Sequence[str] = ()
) -> Outcome:
    session: Session = await rig.driver.open(rig.profile, launch(folder, prefix), ears.listener())
    try:
        return await session.turn(PROMPT, timeout_seconds)
    finally:
        await session.stop()
