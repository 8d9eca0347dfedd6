"""In-memory twins of the ports: a driver that plays a script, and profiles from a list."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kyros.drivers.errors import AgentNotInstalled, ProfileNotFound
from kyros.drivers.model import (
    ApprovalRequest,
    BlockKind,
    Decision,
    Entry,
    Launch,
    Outcome,
    Profile,
    ResultKind,
    SessionState,
    State,
    Tier,
    Usage,
    state_of,
)
from kyros.drivers.ports import Listener


@dataclass(frozen=True)
class Says:
    """Prints text."""

    text: str


@dataclass(frozen=True)
class Asks:
    """Asks for leave; a denial fails the turn."""

    request: ApprovalRequest


@dataclass(frozen=True)
class Writes:
    """Writes a file below the session's folder."""

    path: str
    text: str


@dataclass(frozen=True)
class Notes:
    """Belongs in the transcript."""

    entry: Entry


@dataclass(frozen=True)
class Spends:
    """Tells the turn's usage so far: whole figures."""

    usage: Usage


@dataclass(frozen=True)
class Hangs:
    """Works until it is stopped."""


@dataclass(frozen=True)
class Ends:
    """Ends the turn; a script without it ends well."""

    outcome: Outcome


Step = Says | Asks | Writes | Notes | Spends | Hangs | Ends

DONE = Outcome(ResultKind.OK, "script")
DENIED = Outcome(ResultKind.FAILED, "script", "A request was denied.")
CRASHED = Outcome(ResultKind.LOST, "signal:SIGKILL", "The program was killed.")
STOPPED = Outcome(ResultKind.CANCELLED, "stopped", "The program was stopped.")


@dataclass
class FakeDriver:
    """Every turn plays `script`. What happened can be read from `prompts`, `decisions` and `sessions`."""

    script: Sequence[Step] = ()
    missing: frozenset[str] = frozenset()
    prompts: list[str] = field(default_factory=list)
    decisions: list[tuple[ApprovalRequest, Decision]] = field(default_factory=list)
    sessions: "list[FakeSession]" = field(default_factory=list)

    async def open(self, profile: Profile, launch: Launch, listener: Listener) -> "FakeSession":
        if profile.name in self.missing:
            raise AgentNotInstalled(f"{profile.title} is not installed. {profile.install_hint}")
        session = FakeSession(self, launch.cwd, listener, profile.tiers[0])
        self.sessions.append(session)
        return session


class FakeSession:
    """`is_alive` until stopped, crashed or timed out."""

    def __init__(self, driver: FakeDriver, cwd: Path, listener: Listener, tier: Tier) -> None:
        self.tier = tier
        self._driver = driver
        self._cwd = cwd
        self._listener = listener
        self._stopped = asyncio.Event()
        self.is_alive = True
        self.keyboard = None
        self._state: State | None = None
        self._spent = Usage()
        self._enter(State(SessionState.STARTING))

    async def ready(self, timeout_seconds: float) -> Outcome | None:
        if not self.is_alive:
            return STOPPED
        self._enter(State(SessionState.READY))
        return None

    async def turn(self, prompt: str, timeout_seconds: float) -> Outcome:
        if not self.is_alive:
            return STOPPED
        self._driver.prompts.append(prompt)
        self._enter(State(SessionState.READY))
        self._enter(State(SessionState.WORKING))
        try:
            async with asyncio.timeout(timeout_seconds):
                outcome = await self._play()
        except TimeoutError:
            outcome = Outcome(ResultKind.TIMED_OUT, "deadline", f"Not done after {timeout_seconds:g} s.")
        except asyncio.CancelledError:
            await self.stop()
            raise
        self._close(outcome)
        return outcome

    async def stop(self) -> None:
        self._stopped.set()
        if self.is_alive:
            self.is_alive = False
            self._enter(State(SessionState.LOST, "stopped"))

    def _enter(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self._listener.state(state)

    async def _play(self) -> Outcome:
        """An end that names no usage has what was told last."""
        self._spent = Usage()
        for step in self._driver.script:
            outcome = await self._take(step)
            if outcome is not None:
                return outcome if outcome.usage != Usage() else replace(outcome, usage=self._spent)
        return replace(DONE, usage=self._spent)

    async def _take(self, step: Step) -> Outcome | None:
        match step:
            case Says(text):
                self._listener.output(text.encode())
            case Asks(request):
                return await self._ask(request)
            case Writes(path, text):
                file = self._cwd / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            case Notes(entry):
                self._listener.note(entry)
            case Spends(usage):
                self._spent = usage
                self._listener.spent(usage)
            case Hangs():
                await self._stopped.wait()
                return STOPPED
            case Ends(outcome):
                return outcome
        return None

    async def _ask(self, request: ApprovalRequest) -> Outcome | None:
        self._enter(State(SessionState.BLOCKED, request.subject, BlockKind.APPROVAL))
        decision = await self._listener.decide(request)
        self._driver.decisions.append((request, decision))
        self._enter(State(SessionState.WORKING))
        return None if decision.allow else DENIED

    def _close(self, outcome: Outcome) -> None:
        """A program that was lost or ran out of time is gone; any other waits for its next prompt."""
        if outcome.result in (ResultKind.LOST, ResultKind.TIMED_OUT) and self.is_alive:
            self.is_alive = False
            self._enter(State(SessionState.LOST, outcome.evidence))
        elif self.is_alive:
            self._enter(state_of(outcome))
            self._enter(State(SessionState.READY))


@dataclass(frozen=True)
class FakeProfiles:
    """Profiles by name; those in `missing` count as not installed."""

    profiles: Mapping[str, Profile]
    missing: frozenset[str] = frozenset()

    def get(self, name: str) -> Profile:
        if name not in self.profiles:
            raise ProfileNotFound(f"There is no agent profile {name!r}; known: {', '.join(self.profiles)}.")
        return self.profiles[name]

    def all(self) -> Sequence[Profile]:
        return list(self.profiles.values())

    def find_command(self, profile: Profile) -> Sequence[str]:
        program = self.find_program(profile)
        return () if program is None else (program, *profile.command[1:])

    def find_program(self, profile: Profile) -> str | None:
        return None if profile.name in self.missing else f"/fake/bin/{profile.command[0]}"


def fake_profile(name: str = "fake") -> Profile:
    return Profile(
        name=name,
        title=name,
        command=(name,),
        tiers=(Tier.TERMINAL,),
        is_model=False,
        install_hint="It is a fake.",
    )
