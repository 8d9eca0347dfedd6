"""What a program asks leave for, and which of its options says what was decided. Pure."""

from collections.abc import Iterator, Sequence

from kyros.drivers.adapters.acp.calls import Call
from kyros.drivers.adapters.bounds import word
from kyros.drivers.adapters.messages import items
from kyros.drivers.model import ActionKind, ApprovalRequest, Option

_OPTIONS = 30
_KINDS = {
    "edit": ActionKind.WRITE,
    "delete": ActionKind.WRITE,
    "move": ActionKind.WRITE,
    "execute": ActionKind.COMMAND,
    "fetch": ActionKind.NETWORK,
    "read": ActionKind.READ,
    "search": ActionKind.READ,
}
# The editor tool of several vendors says in `command` what it does with its path.
_EDITOR_KINDS = ("edit", "read")
_EDITOR_VERBS = ("view", "create", "write", "append", "insert", "str_replace", "undo_edit")
_CHANGES_MORE = ("mode", "auto", "always", "bypass", "session", "plan", "accept_edits", "acceptedits", "yolo")


def options_of(value: object) -> tuple[Option, ...]:
    """The options of a request. An id is kept as it is: it goes back."""
    return tuple(
        Option(option["optionId"], word(option.get("kind")), word(option.get("name")))
        for option in items(value)[:_OPTIONS]
        if isinstance(option.get("optionId"), str)
    )


def requests_of(call: Call, options: Sequence[Option]) -> list[ApprovalRequest]:
    """One for each thing that it would do, so that none goes unjudged: what it calls itself is only the
    first."""
    kind, subjects = _meant(call)
    deeds = dict.fromkeys([*((kind, subject) for subject in subjects), *_shown(call)])
    text = call.title or call.subject()
    return [ApprovalRequest(kind, subject, text, call.tool, options) for kind, subject in deeds]


def choose(options: Sequence[Option], allow: bool) -> str | None:
    """The id of the plainest option that says no more than what was decided, or None if there is none.

    Leave is given once only. Of two such options, one may change the program's mode as well: it is not taken.
    """
    for kind in ("allow_once",) if allow else ("reject_once", "reject_always"):
        fitting = [option for option in options if option.kind == kind]
        if fitting:
            return min(fitting, key=_fuss).id
    return None


def _meant(call: Call) -> tuple[ActionKind, list[str]]:
    """A kind whose subject nobody told counts as unknown: no rule may judge by what is not there."""
    kind = _KINDS.get(call.kind, ActionKind.OTHER)
    if call.is_too_much:
        return ActionKind.OTHER, [call.title or call.tool]
    if kind is ActionKind.OTHER and call.diffs:
        kind = ActionKind.WRITE
    if kind is ActionKind.OTHER and not call.kind and call.command:
        kind = ActionKind.COMMAND
    subjects = {
        ActionKind.WRITE: call.paths,
        ActionKind.COMMAND: [call.command or call.title],
        ActionKind.NETWORK: [call.url or call.query or call.title],
        ActionKind.READ: call.paths or [call.query or call.title],
        ActionKind.OTHER: [call.subject()],
    }[kind]
    told = [subject for subject in subjects if subject.strip()]
    return (kind, told) if told else (ActionKind.OTHER, [call.title or call.tool])


def _shown(call: Call) -> Iterator[tuple[ActionKind, str]]:
    """What it shows, whatever kind it says it is."""
    if call.is_too_much:
        return
    is_editor = call.kind in _EDITOR_KINDS and call.command in _EDITOR_VERBS and call.paths
    if call.command and not is_editor:
        yield ActionKind.COMMAND, call.command
    if call.url:
        yield ActionKind.NETWORK, call.url
    for path in call.diffs:
        yield ActionKind.WRITE, path


def _fuss(option: Option) -> tuple[int, int]:
    said = f"{option.id} {option.name}".lower()
    return sum(word in said for word in _CHANGES_MORE), len(said)
