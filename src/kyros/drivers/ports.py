"""One driver port, whatever the program speaks."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kyros.drivers.model import (
    ApprovalRequest,
    Decision,
    Entry,
    Launch,
    Outcome,
    Profile,
    State,
    Tier,
    Usage,
)


def _ignore(_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Listener:
    """What the driver tells and asks while it works; nothing but `decide` may block. `output` gets raw bytes
    as the program printed them (a terminal's, or readable lines made from a vendor's JSON). `started` gets
    the process id, `note` what belongs in the transcript, `spent` the turn's usage as far as it is known by
    now: whole figures, not differences."""

    output: Callable[[bytes], None]
    state: Callable[[State], None]
    decide: Callable[[ApprovalRequest], Awaitable[Decision]]
    started: Callable[[int], None] = _ignore
    note: Callable[[Entry], None] = _ignore
    spent: Callable[[Usage], None] = _ignore


class Keyboard(Protocol):
    """The keys and the window of a program in a terminal."""

    def type(self, keys: bytes) -> None:
        """As a person would; nothing happens once the program is gone."""
        ...

    def resize(self, columns: int, rows: int) -> None: ...

    def hold(self, held: bool) -> None:
        """While a person holds it the driver presses no key and draws no conclusion: dialogs are theirs to
        answer, and a turn is not done before they give it back."""
        ...


class Session(Protocol):
    """One live program."""

    @property
    def tier(self) -> Tier:
        """How it is really driven: of a profile's tiers, the first whose program is installed."""
        ...

    @property
    def keyboard(self) -> Keyboard | None:
        """None when nobody can type into it: it runs in no terminal."""
        ...

    async def ready(self, timeout_seconds: float) -> Outcome | None:
        """Wait until it takes a prompt. None: it does; otherwise why it never will. `turn` waits by itself;
        this is for starting a program ahead of its work."""
        ...

    async def turn(self, prompt: str, timeout_seconds: float) -> Outcome:
        """Drive one prompt to its end. A time-out, a lost program or a refused submission is an
        Outcome, not an exception. Never resends a prompt blindly."""
        ...

    async def stop(self) -> None:
        """Ask, then kill the process group; idempotent. (Whoever opened it kills what escaped the group.)"""
        ...


class Driver(Protocol):
    async def open(self, profile: Profile, launch: Launch, listener: Listener) -> Session:
        """Start the program. Raises AgentNotInstalled. Readiness is awaited inside `turn`."""
        ...


class Profiles(Protocol):
    def get(self, name: str) -> Profile:
        """Raises ProfileNotFound naming the known ones."""
        ...

    def all(self) -> Sequence[Profile]: ...

    def find_program(self, profile: Profile) -> str | None:
        """Absolute path of the program, or None when it is not installed."""
        ...

    def find_command(self, profile: Profile) -> Sequence[str]:
        """The same with its arguments, of the tier that would be used; nothing when it is not installed."""
        ...
