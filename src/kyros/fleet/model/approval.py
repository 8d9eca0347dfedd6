"""What an agent asked leave for and who answered, for good. Pure.

             ┌─► granted(once | always) | denied     a rule decided at once, or a person did
(asked) ─► pending
             ├─► expired       nobody answered in time: for the agent that is a no
             └─► withdrawn     the turn ended, or its worker died: nobody waits for it any more

Each is for the one payload that its digest stands for, is decided once, and is used once.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from glob import escape

from kyros.drivers.model import ActionKind, ApprovalRequest, ApprovalRule, RuleAction
from kyros.fleet.errors import ApprovalDecided, ApprovalNotGeneral, ApprovalOver
from kyros.fleet.model.hosts import host_of
from kyros.fleet.model.masking import MASK
from kyros.fleet.model.policy import describe, is_unconditional
from kyros.kernel.clock import from_text, to_text

_SUBJECT_SIGNS = 10_000
_TEXT_SIGNS = 20_000
_CUT = " … (cut)"
POLICY = "policy"
"""Who decided when a rule did."""


class ApprovalState(StrEnum):
    PENDING = "pending"
    GRANTED = "granted"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Scope(StrEnum):
    """How far a grant goes: this request, or a rule of the project for all that read the same."""

    ONCE = "once"
    ALWAYS = "always"


@dataclass(frozen=True)
class Approval:
    """`rule` is what decided or what had a person asked; `text` what the agent showed, its options included;
    `path` where a path really lies, relative to the worktree or absolute; `made_rule` the project's rule that
    `always` made. Times are RFC 3339 UTC."""

    id: str
    turn_id: str
    run_id: str
    agent: str
    state: ApprovalState
    kind: ActionKind
    tool: str
    subject: str
    text: str
    rule: str
    digest: str
    asked_at: str
    project_id: str | None = None
    task_id: str | None = None
    expires_at: str | None = None
    decided_at: str | None = None
    decided_by: str | None = None
    scope: Scope | None = None
    note: str = ""
    made_rule: str | None = None
    path: str | None = None

    @property
    def is_pending(self) -> bool:
        return self.state is ApprovalState.PENDING

    @property
    def allowed(self) -> bool:
        return self.state is ApprovalState.GRANTED

    @property
    def question(self) -> str:
        """In one line, for a person."""
        what = {ActionKind.READ: "to read", ActionKind.WRITE: "to write", ActionKind.COMMAND: "to run"}
        asked = " ".join((self.subject or self.text).split())
        short = asked if len(asked) <= 200 else f"{asked[:199]}…"
        return f"{self.agent} asks leave {what.get(self.kind, 'for')} {short}"

    def facts(self) -> dict[str, object]:
        """What each of its events says."""
        return {
            "run_id": self.run_id,
            "task_id": self.task_id,
            "project_id": self.project_id,
            "turn_id": self.turn_id,
            "approval_id": self.id,
            "kind": self.kind,
            "tool": self.tool,
            "subject": _cut(self.subject, 2_000),
            "rule": self.rule,
        }

    def decision(self) -> dict[str, object]:
        """What the event of its decision says."""
        more = {name: getattr(self, name) for name in ("allowed", "scope", "note", "made_rule")}
        return self.facts() | more


@dataclass(frozen=True)
class Answer:
    """What somebody says to a request. `note` is for the agent."""

    by: str
    allow: bool
    scope: Scope = Scope.ONCE
    note: str = ""


@dataclass(frozen=True)
class ApprovalQuery:
    """Newest first, ids below `before`. None matches everything."""

    state: ApprovalState | None = None
    run_id: str | None = None
    project_id: str | None = None
    before: str | None = None
    limit: int = 50


@dataclass(frozen=True)
class ProjectRules:
    """A project's own rules in their order; `revision` grows with each change."""

    project_id: str
    rules: Sequence[ApprovalRule] = ()
    revision: int = 0
    changed_at: str | None = field(default=None, compare=False)
    changed_by: str | None = field(default=None, compare=False)

    def with_first(self, rule: ApprovalRule) -> Sequence[ApprovalRule]:
        """This rule before all others."""
        return [rule, *(one for one in self.rules if one != rule)]


def shown_of(request: ApprovalRequest) -> tuple[str, str]:
    """Subject and text as they are kept: bounded, the options below the text."""
    options = [f"- {option.name or option.id} ({option.kind})" for option in request.options]
    return _cut(request.subject, _SUBJECT_SIGNS), _cut("\n".join([request.text, *options]), _TEXT_SIGNS)


def digest_of(kind: ActionKind, tool: str, subject: str, text: str) -> str:
    """SHA-256 of the canonical JSON of what is asked."""
    payload = {"kind": kind.value, "subject": subject, "text": text, "tool": tool}
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def put_to_a_person(approval: Approval, patience_seconds: float) -> Approval:
    until = from_text(approval.asked_at) + timedelta(seconds=patience_seconds)
    return replace(approval, state=ApprovalState.PENDING, expires_at=to_text(until))


def decided_by_rule(approval: Approval, allow: bool) -> Approval:
    state = ApprovalState.GRANTED if allow else ApprovalState.DENIED
    scope = Scope.ONCE if allow else None
    return replace(approval, state=state, decided_at=approval.asked_at, decided_by=POLICY, scope=scope)


def answered(approval: Approval, answer: Answer, now: datetime) -> Approval:
    """The same answer once more changes nothing. Raises ApprovalDecided and ApprovalOver."""
    if approval.is_pending and not is_late(approval, now):
        state = ApprovalState.GRANTED if answer.allow else ApprovalState.DENIED
        scope = answer.scope if answer.allow else None
        made = describe(rule_for(approval)) if scope is Scope.ALWAYS else None
        return replace(
            approval, state=state, decided_at=to_text(now), decided_by=answer.by, scope=scope,
            note=answer.note, made_rule=made,
        )  # fmt: skip
    if approval.state in (ApprovalState.GRANTED, ApprovalState.DENIED):
        is_same = approval.allowed == answer.allow and approval.scope in (None, answer.scope)
        if is_same and approval.decided_by != POLICY:
            return approval
        raise ApprovalDecided(
            f"{approval.id} is {approval.state} already: {approval.decided_by} decided it at "
            f"{approval.decided_at}.",
            state=approval.state,
            decided_by=approval.decided_by,
            decided_at=approval.decided_at,
        )
    state = ApprovalState.EXPIRED if approval.is_pending else approval.state
    raise ApprovalOver(
        f"{approval.id} is {state}: nobody waits for it any more. If the agent still needs it, it asks anew.",
        state=state,
    )


def is_late(approval: Approval, now: datetime) -> bool:
    return approval.expires_at is not None and now >= from_text(approval.expires_at)


def rule_for(approval: Approval) -> ApprovalRule:
    """The project's rule that allows exactly what was asked, and nothing else. Raises ApprovalNotGeneral."""
    if approval.project_id is None:
        raise ApprovalNotGeneral(
            f"{approval.id} is of no project that could keep a rule: allow it this once."
        )
    rule = _exactly(approval)
    if rule is None or is_unconditional(rule):
        raise ApprovalNotGeneral(
            f"{approval.id} names no single command, path or host that a rule could be made of: "
            "allow it this once, or write a rule for the project."
        )
    return rule


def _exactly(approval: Approval) -> ApprovalRule | None:
    subject, kind = approval.subject.strip(), approval.kind
    if not subject or subject.endswith(_CUT) or MASK in subject + (approval.path or ""):
        return None
    if kind is ActionKind.COMMAND:
        return ApprovalRule(RuleAction.ALLOW, kind, command=re.escape(subject))
    if approval.path and ", " not in subject and (spelled := _spelled(approval.path)):
        return ApprovalRule(RuleAction.ALLOW, kind, path=spelled)
    if kind is ActionKind.NETWORK and (host := host_of(subject)):
        return ApprovalRule(RuleAction.ALLOW, kind, host=escape(host))
    return None


def _spelled(path: str) -> str | None:
    """A glob for this path alone: one without a wildcard would stand for all below it, too."""
    found = escape(path)
    if found != path:
        return found
    at = next((at for at, sign in enumerate(path) if sign not in "/.!"), None)
    return None if at is None else f"{path[:at]}[{path[at]}]{path[at + 1 :]}"


def _cut(text: str, signs: int) -> str:
    """Bounded, and free of what no database keeps."""
    text = text.encode("utf-8", "replace").decode().replace("\0", "�")
    return text if len(text) <= signs else text[: signs - len(_CUT)] + _CUT
