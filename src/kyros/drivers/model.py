"""Profiles, session states, approvals and outcomes as values.

starting ─► ready ─► working ─► ready          the turn is done
    │         │         ├─► blocked ─► working  an approval was answered
    └────────►└────────►└─► lost                the program is gone
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Tier(StrEnum):
    HEADLESS = "headless"
    TERMINAL = "terminal"


class SessionState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    WORKING = "working"
    BLOCKED = "blocked"
    LOST = "lost"


class ResultKind(StrEnum):
    """How a turn ended. BLOCKED: a dialog nobody could answer, the screen is in the note."""

    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    BLOCKED = "blocked"
    LOST = "lost"


class ActionKind(StrEnum):
    WRITE = "write"
    COMMAND = "command"
    OTHER = "other"


@dataclass(frozen=True)
class ApprovalRequest:
    """What the agent asks leave for. `subject` is the path or the command line, as the agent wrote it."""

    kind: ActionKind
    subject: str
    text: str


@dataclass(frozen=True)
class Decision:
    """`rule` names what decided, for the record."""

    allow: bool
    rule: str


@dataclass(frozen=True)
class TerminalSignals:
    """Regular expressions over the live bottom region of the rendered screen, and the keys to press.

    `submit_settle_ms` is the pause between a prompt and its Enter; `done_settle_ms` how long the ready
    prompt must stand before the turn counts as done.
    """

    ready: str
    busy: str | None
    approval: str | None
    allow_keys: str = "y"
    deny_keys: str = "n"
    write_subject: str | None = None
    command_subject: str | None = None
    failed: str | None = None
    live_rows: int = 12
    submit_settle_ms: int = 50
    done_settle_ms: int = 300


@dataclass(frozen=True)
class HeadlessSpec:
    """Arguments of the vendor's JSON mode; `{prompt}` is replaced; `dialect` names the parser."""

    arguments: Sequence[str]
    dialect: str
    prompt_on_stdin: bool = False


@dataclass(frozen=True)
class Profile:
    """How one program is run. `command[0]` is looked up on the PATH (`@python` is our interpreter).
    `is_proven` says that the real program has been driven with it."""

    name: str
    title: str
    command: Sequence[str]
    tiers: Sequence[Tier]
    is_model: bool
    install_hint: str
    env: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    terminal: TerminalSignals | None = None
    headless: HeadlessSpec | None = None
    is_proven: bool = True


@dataclass(frozen=True)
class Launch:
    """Where and how to start: a folder, the whole environment, the window in cells. `prefix` are the words
    before the program's own: what confines it."""

    cwd: Path
    env: Mapping[str, str]
    columns: int = 120
    rows: int = 40
    prefix: Sequence[str] = ()


@dataclass(frozen=True)
class Usage:
    """Tokens and money of a turn; None means not measured, never zero."""

    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_creation_tokens: int | None = None
    cost_usd: float | None = None
    tool_calls: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Outcome:
    """How the turn ended and which evidence says so; `note` is one sentence for a person."""

    result: ResultKind
    evidence: str
    note: str = ""
    usage: Usage = field(default_factory=Usage)
