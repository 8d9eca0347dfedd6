"""What goes over the wire of approvals and rules."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from kyros.drivers.model import ActionKind, ApprovalRule, RuleAction
from kyros.fleet.errors import RulesInvalid
from kyros.fleet.model import Approval, ApprovalState, ProjectRules, Scope, describe, is_unconditional
from kyros.kernel.etag import digest_of, etag_of
from kyros.kernel.patterns import check_pattern

_PLACES = {"path": (ActionKind.READ, ActionKind.WRITE), "command": (ActionKind.COMMAND,)}
_OF_KIND: Mapping[str, Sequence[ActionKind]] = _PLACES | {"host": (ActionKind.NETWORK,)}


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ApproveRequest(_Request):
    """`always` makes a rule of the project that allows exactly this from now on."""

    scope: Scope = Scope.ONCE


class DenyRequest(_Request):
    """`note` is told to the agent, where it can be told anything."""

    note: Annotated[str, StringConstraints(max_length=2_000)] = ""


class RuleRequest(_Request):
    """Fits what fits all that is named; `command` is a regular expression of the whole line, the others are
    globs."""

    action: RuleAction
    kind: ActionKind | None = None
    tool: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    path: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = None
    command: Annotated[str, StringConstraints(min_length=1, max_length=20_000)] | None = None
    host: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = None

    @field_validator("command")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        return None if pattern is None else check_pattern(pattern)


class RulesRequest(_Request):
    rules: Annotated[list[RuleRequest], Field(max_length=500)]


class ApprovalView(BaseModel):
    """`allowed` is true for granted alone; `expires_at` is null where no person was asked, `decided_by` is
    `policy` where a rule decided."""

    id: str
    state: ApprovalState
    allowed: bool
    kind: ActionKind
    tool: str
    subject: str
    path: str | None
    text: str
    rule: str
    digest: str
    run_id: str
    turn_id: str
    task_id: str | None
    project_id: str | None
    agent: str
    asked_at: str
    expires_at: str | None
    decided_at: str | None
    decided_by: str | None
    scope: Scope | None
    note: str
    made_rule: str | None
    etag: str


class ApprovalPage(BaseModel):
    items: list[ApprovalView]
    next_cursor: str | None = None


class RuleView(BaseModel):
    """Null means that it does not matter."""

    action: RuleAction
    kind: ActionKind | None
    tool: str | None
    path: str | None
    command: str | None
    host: str | None


class RulesView(BaseModel):
    """In the order in which they are tried."""

    rules: list[RuleView]
    changed_at: str | None
    changed_by: str | None
    etag: str


def approval_view(approval: Approval) -> ApprovalView:
    names = [one.name for one in fields(Approval)]
    values = {name: getattr(approval, name) for name in names}
    return ApprovalView(**values, allowed=approval.allowed, etag=approval_tag(approval))


def approval_tag(approval: Approval) -> str:
    """Of what is asked and whether it is decided."""
    return f'"{approval.state}-{approval.digest[:16]}"'


def rules_view(rules: ProjectRules) -> RulesView:
    return RulesView(
        rules=[RuleView(**asdict(rule)) for rule in rules.rules],
        changed_at=rules.changed_at,
        changed_by=rules.changed_by,
        etag=rules_tag(rules),
    )


def rules_tag(rules: ProjectRules) -> str:
    return etag_of(rules.revision, digest_of({"rules": [describe(rule) for rule in rules.rules]}))


def rules_of(body: RulesRequest) -> Sequence[ApprovalRule]:
    """Raises RulesInvalid, naming the first rule that could never do what it says."""
    rules = [ApprovalRule(**one.model_dump()) for one in body.rules]
    for number, rule in enumerate(rules, 1):
        if why := _fault(rule):
            raise RulesInvalid(f"Rule {number} ({describe(rule)}) {why}.", rule=number)
    return rules


def _fault(rule: ApprovalRule) -> str | None:
    if is_unconditional(rule):
        return "would allow whatever comes: name a path, command, host or tool, and not just a wildcard"
    named = [name for name in _OF_KIND if getattr(rule, name) is not None]
    if len(named) > 1:
        return f"names {' and '.join(named)}, which no request has both of"
    if named and rule.kind is not None and rule.kind not in _OF_KIND[named[0]]:
        return f"names a {named[0]}, which no request of the kind {rule.kind} has"
    return None
