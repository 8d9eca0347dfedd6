"""Profiles, session states, approvals and outcomes as values.

starting ─► ready ─► working ─► done(reason) | failed(code) ─► ready    the next prompt may come
    │         │         ├─► blocked(kind, options) ─► working           an approval was answered
    └────────►└────────►└─► lost                                        the program is gone
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Tier(StrEnum):
    ACP = "acp"
    HEADLESS = "headless"
    TERMINAL = "terminal"


class SessionState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    WORKING = "working"
    BLOCKED = "blocked"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"


class BlockKind(StrEnum):
    """What a blocked session waits for. DIALOG: a question its profile does not know."""

    APPROVAL = "approval"
    DIALOG = "dialog"


@dataclass(frozen=True)
class Option:
    """One answer a program offers. `kind` is ACP's: allow_once, allow_always, reject_once, reject_always."""

    id: str
    kind: str
    name: str = ""


@dataclass(frozen=True)
class State:
    """Where a session stands, and which evidence says so. `detail` is what the state bears in brackets: the
    kind of a block, the reason of being done, the code of a failure."""

    state: SessionState
    evidence: str = ""
    detail: str = ""
    options: Sequence[Option] = ()


class ResultKind(StrEnum):
    """How a turn ended. BLOCKED: a dialog nobody could answer (the screen is in the note), or a budget that
    is used up. COMPACTED: done, but the program had to shorten its own conversation on the way."""

    OK = "ok"
    COMPACTED = "compacted"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    BLOCKED = "blocked"
    LOST = "lost"


class ActionKind(StrEnum):
    READ = "read"
    WRITE = "write"
    COMMAND = "command"
    NETWORK = "network"
    OTHER = "other"


@dataclass(frozen=True)
class ApprovalRequest:
    """What the agent asks leave for. `subject` is the path, command line or address, as the agent wrote it;
    `text` is what it showed a person; `tool` its own name for what it wants to use."""

    kind: ActionKind
    subject: str
    text: str
    tool: str = ""
    options: Sequence[Option] = ()


@dataclass(frozen=True)
class Decision:
    """`rule` names what decided, for the record; `note` is for the agent, where it can be told why."""

    allow: bool
    rule: str
    note: str = ""


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
class AcpSpec:
    """How the program is made to speak ACP: `arguments` after its command, or a `command` of its own.
    `files`: whether it may read and write files through us. `mode` and `model` are chosen, when the program
    offers them, before the first prompt. `sign_in` is the way of authenticating that needs no person.
    `failed` is a regular expression for a last message that means failure, whatever the program says about
    it. `counts_whole_turn` is false where the usage it tells is that of its last call alone; `tally` are then
    the arguments that make it print what a session has taken. `environment` outranks the profile's."""

    arguments: Sequence[str] = ()
    command: Sequence[str] = ()
    files: bool = True
    terminals: bool = False
    start_seconds: float = 120
    drain_ms: int = 300
    mode: str | None = None
    model: str | None = None
    sign_in: str | None = None
    failed: str | None = None
    input_includes_cached: bool = False
    counts_whole_turn: bool = True
    tally: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class RuleAction(StrEnum):
    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True)
class ApprovalRule:
    """What to do about requests that match all that is named: `kind`, `tool` and `path` (globs), `command`
    (a regular expression that the whole line matches), `host` (a glob)."""

    action: RuleAction
    kind: ActionKind | None = None
    tool: str | None = None
    path: str | None = None
    command: str | None = None
    host: str | None = None


@dataclass(frozen=True)
class Profile:
    """How one program is run. `command[0]` is looked up on the PATH (`@python` is our interpreter).
    `home` are files, by their path in it, of a HOME that is the agent's own.
    `usage_limit` is a regular expression for its vendor's "limit reached, resets at ..." with a group around
    the time. `is_proven` says that the real program has been driven with it."""

    name: str
    title: str
    command: Sequence[str]
    tiers: Sequence[Tier]
    is_model: bool
    install_hint: str
    env: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    home: Mapping[str, str] = field(default_factory=dict)
    terminal: TerminalSignals | None = None
    headless: HeadlessSpec | None = None
    acp: AcpSpec | None = None
    approvals: Sequence[ApprovalRule] = ()
    usage_limit: str | None = None
    is_proven: bool = True
    version: int = 1


@dataclass(frozen=True)
class Launch:
    """Where and how to start: a folder, the whole environment (with what the profile sets), the window in
    cells, and what is put before the command to confine it."""

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


class EntryKind(StrEnum):
    """What a transcript holds."""

    PROMPT = "prompt"
    MESSAGE = "message"
    THOUGHT = "thought"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    DIFF = "diff"
    APPROVAL = "approval"
    PLAN = "plan"
    END = "end"


@dataclass(frozen=True)
class Entry:
    """One thing that was said or done in a turn. `text` is for reading; `id` joins a tool's call, its result
    and its diff; `details` is JSON of the kind: name and input of a tool, path and patch of a diff."""

    kind: EntryKind
    text: str = ""
    id: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


def state_of(outcome: Outcome) -> State:
    """Where the end of a turn leaves the session for a moment."""
    is_done = outcome.result in (ResultKind.OK, ResultKind.COMPACTED)
    return State(SessionState.DONE if is_done else SessionState.FAILED, outcome.evidence, outcome.result)
