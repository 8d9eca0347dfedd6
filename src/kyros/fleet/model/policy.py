"""The approval policy: which requests of an agent are granted, refused, or put to a person. Pure.

The first of these that fits decides:

    never        what no rule can allow: other users, other machines, the remote repository, writes outside
                 the worktree or into .git, metadata services of clouds
    project      the project's own rules, in their order
    profile      those of the agent's profile, in their order
    otherwise    write inside, read inside, command: allow      read outside, network, anything else: ask

A line of several commands is judged command by command, and as a whole by the rules that name a `command`;
the strictest verdict counts. Nothing but an allow rule that spells the very line stands for all its parts.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath

from kyros.drivers.model import ActionKind, ApprovalRequest, ApprovalRule, RuleAction
from kyros.fleet.model.hosts import host_of
from kyros.fleet.model.never import Place, is_harmless, never
from kyros.fleet.model.shell import read_shell, without_assignments
from kyros.kernel.patterns import matches_whole

_ANYTHING = re.compile(r"[*.?+/]*")
_A, _R = ActionKind, RuleAction
_NAMES_SOMETHING = frozenset({_A.READ, _A.WRITE, _A.COMMAND})
_STRICTNESS = {_R.ALLOW: 0, _R.ASK: 1, _R.DENY: 2}


@dataclass(frozen=True)
class Rules:
    project: Sequence[ApprovalRule] = ()
    profile: Sequence[ApprovalRule] = ()


@dataclass(frozen=True)
class Verdict:
    """`rule` names what decided, for the record."""

    action: RuleAction
    rule: str


@dataclass(frozen=True)
class _Subject:
    """What one rule is held against: at most one of path, command and host."""

    kind: ActionKind
    tool: str
    place: Place | None = None
    command: str | None = None
    host: str | None = None


def judge(request: ApprovalRequest, locate: Callable[[str], Place], rules: Rules) -> Verdict:
    """The strictest of the verdicts on all that the request names."""
    paths = _paths(request.subject) if request.kind is _A.WRITE else ()
    if (why := never(request, paths, locate)) is not None:
        return Verdict(_R.DENY, f"deny: {why}")
    if request.kind in _NAMES_SOMETHING and not request.subject.strip():
        return _judge_nothing(request, rules)
    if request.kind is _A.COMMAND:
        return _judge_line(request, locate, rules)
    return _strictest(_judge_one(subject, rules) for subject in _subjects(request, locate))


def is_unconditional(rule: ApprovalRule) -> bool:
    """It would trust whatever comes: such a rule matches nothing."""
    named = (rule.tool, rule.path, rule.command, rule.host)
    return rule.action is _R.ALLOW and all(text is None or _ANYTHING.fullmatch(text) for text in named)


def describe(rule: ApprovalRule) -> str:
    """`allow command make.*`: one line for people and records."""
    named = [("tool", rule.tool), ("path", rule.path), ("command", rule.command), ("host", rule.host)]
    kind = [rule.kind.value] if rule.kind and not (rule.command or rule.host) else []
    return " ".join([rule.action.value, *kind, *(f"{name} {value}" for name, value in named if value)])


def _subjects(request: ApprovalRequest, locate: Callable[[str], Place]) -> Iterable[_Subject]:
    kind, tool = request.kind, request.tool
    if kind in (_A.READ, _A.WRITE):
        return [_Subject(kind, tool, place=locate(path)) for path in _paths(request.subject)]
    if kind is _A.NETWORK:
        return [_Subject(kind, tool, host=host_of(request.subject))]
    return [_Subject(kind, tool)]


def _paths(subject: str) -> Sequence[str]:
    """One path, or several: `a.py, b.py`. A name may hold a comma: the whole counts, and each part."""
    parts = subject.split(", ")
    return [subject, *parts] if len(parts) > 1 else [subject]


def _judge_one(subject: _Subject, rules: Rules) -> Verdict:
    return _first(rules, lambda rule: _fits(rule, subject)) or _otherwise(subject)


def _judge_nothing(request: ApprovalRequest, rules: Rules) -> Verdict:
    """Nobody knows what would be read, written or run: no rule allows it."""
    asked = Verdict(_R.ASK, f"ask: {request.kind} that names nothing")
    named = _first(rules, lambda rule: _fits(rule, _Subject(request.kind, request.tool)))
    return _strictest([asked, named] if named else [asked])


def _otherwise(subject: _Subject) -> Verdict:
    if subject.kind in (_A.READ, _A.WRITE):
        inside = subject.place is not None and subject.place.inside is not None
        where = "inside" if inside else "outside"
        action = _R.ALLOW if inside else _R.ASK
        return Verdict(action, f"{action}: {subject.kind} {where} the worktree")
    if subject.kind is _A.COMMAND:
        return Verdict(_R.ALLOW, "allow: command in the worktree")
    if subject.kind is _A.NETWORK:
        return Verdict(_R.ASK, "ask: network")
    return Verdict(_R.ASK, "ask: no rule knows this kind of request")


def _judge_line(request: ApprovalRequest, locate: Callable[[str], Place], rules: Rules) -> Verdict:
    line = request.subject.strip()
    whole = _Subject(_A.COMMAND, request.tool, command=line)
    verdicts = [*_judge_parts(line, request.tool, locate, rules)]
    named = _first(rules, lambda rule: rule.command is not None and _fits(rule, whole))
    if named is not None and named.action is not _R.ALLOW:
        verdicts.append(named)
    worst = _strictest(verdicts)
    spelled = _first(rules, lambda rule: _fits(rule, whole), only_spelling=line)
    return spelled if worst.action is _R.ASK and spelled is not None else worst


def _judge_parts(line: str, tool: str, locate: Callable[[str], Place], rules: Rules) -> Iterable[Verdict]:
    read = read_shell(line)
    if read is None:
        yield Verdict(_R.ASK, "ask: command that cannot be taken apart")
        return
    for command in read.commands:
        for form in dict.fromkeys((command, without_assignments(command))):
            yield _judge_one(_Subject(_A.COMMAND, tool, command=form), rules)
    for redirect in read.redirects:
        is_read = not redirect.writes and not is_harmless(redirect.target)
        if is_read and locate(redirect.target).inside is None:
            yield Verdict(_R.ASK, "ask: command that reads outside the worktree")


def _first(
    rules: Rules, fits: Callable[[ApprovalRule], bool], only_spelling: str | None = None
) -> Verdict | None:
    """The first rule that fits. With `only_spelling`, None unless it allows that very line and no other."""
    for source, layer in (("project", rules.project), ("profile", rules.profile)):
        for number, rule in enumerate(layer, 1):
            if fits(rule):
                spells = rule.action is _R.ALLOW and rule.command == re.escape(only_spelling or "")
                verdict = Verdict(rule.action, f"{rule.action}: {source} rule {number} ({describe(rule)})")
                return verdict if only_spelling is None or spells else None
    return None


def _fits(rule: ApprovalRule, subject: _Subject) -> bool:
    """Whether all that the rule names is so."""
    return (
        not is_unconditional(rule)
        and rule.kind in (None, subject.kind)
        and (rule.tool is None or fnmatchcase(subject.tool, rule.tool))
        and (rule.path is None or (subject.place is not None and _fits_path(rule.path, subject.place)))
        and (rule.command is None or _fits_command(rule, subject.command))
        and (rule.host is None or (bool(subject.host) and fnmatchcase(subject.host or "", rule.host.lower())))
    )


def _fits_path(glob: str, place: Place) -> bool:
    """Relative globs are of the worktree, absolute ones of what lies outside."""
    if place.inside is not None:
        return not glob.startswith("/") and matches_path(glob, place.inside.parts)
    return glob.startswith("/") and matches_path(glob[1:], PurePath(place.absolute).parts[1:])


def matches_path(glob: str, parts: Sequence[str]) -> bool:
    """`*`, `?` and `[…]` within one part, `**` for any number of them; without a wildcard a path stands for
    itself and all below."""
    wanted = [part for part in glob.split("/") if part not in ("", ".")]
    if not re.search(r"[*?\[]", glob):
        return list(parts[: len(wanted)]) == wanted
    places = _past_any(wanted, {0})
    for part in parts:
        steps = {
            at if wanted[at] == "**" else at + 1
            for at in places
            if at < len(wanted) and (wanted[at] == "**" or fnmatchcase(part, wanted[at]))
        }
        places = _past_any(wanted, steps)
    return len(wanted) in places


def _past_any(wanted: Sequence[str], places: set[int]) -> set[int]:
    """`**` may stand for nothing."""
    found, rim = set(places), list(places)
    while rim:
        at = rim.pop()
        if at < len(wanted) and wanted[at] == "**" and at + 1 not in found:
            found.add(at + 1)
            rim.append(at + 1)
    return found


def _fits_command(rule: ApprovalRule, command: str | None) -> bool:
    """A pattern that cannot be read allows nothing, and holds up everything."""
    if command is None or rule.command is None:
        return False
    try:
        return matches_whole(rule.command, command)
    except ValueError:
        return rule.action is not _R.ALLOW


def _strictest(verdicts: Iterable[Verdict]) -> Verdict:
    """The first of the strictest; a line that runs nothing is an ordinary one."""
    found = list(verdicts) or [Verdict(_R.ALLOW, "allow: command in the worktree")]
    return max(found, key=lambda verdict: _STRICTNESS[verdict.action])
