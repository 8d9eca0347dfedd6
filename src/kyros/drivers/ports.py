"""One driver port, whatever the program speaks."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kyros.drivers.model import ApprovalRequest, Decision, Launch, Outcome, Profile, SessionState


@dataclass(frozen=True)
class Listener:
    """What the driver tells and asks while it works. `output` gets raw bytes as the program printed
    them (a terminal's, or readable lines made from a vendor's JSON); it must not block.
    `started` gets the process id."""

    output: Callable[[bytes], None]
    state: Callable[[SessionState, str], None]
    started: Callable[[int], None]
    decide: Callable[[ApprovalRequest], Awaitable[Decision]]


class Session(Protocol):
    """One live program."""

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
