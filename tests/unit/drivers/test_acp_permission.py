"""What ACP's requests for leave are about, and which option answers them."""

from typing import Any

import pytest

from kyros.drivers.adapters.acp.calls import Call
from kyros.drivers.adapters.acp.permission import choose, options_of, requests_of
from kyros.drivers.model import ActionKind, Option


def asked(**tool_call: Any) -> list[tuple[ActionKind, str]]:
    call = Call("c")
    call.merge(tool_call)
    return [(request.kind, request.subject) for request in requests_of(call, ())]


@pytest.mark.parametrize(
    ("tool_call", "kind", "subject"),
    [
        ({"kind": "edit", "locations": [{"path": "/w/a"}]}, ActionKind.WRITE, "/w/a"),
        ({"kind": "delete", "rawInput": {"file_path": "/w/a"}}, ActionKind.WRITE, "/w/a"),
        ({"content": [{"type": "diff", "path": "/w/a", "newText": ""}]}, ActionKind.WRITE, "/w/a"),
        ({"kind": "edit", "title": "Edit something"}, ActionKind.OTHER, "Edit something"),
        ({"kind": "execute", "rawInput": {"command": "ls -l"}}, ActionKind.COMMAND, "ls -l"),
        ({"kind": "execute", "rawInput": {"command": ["sh", "-c", "a b"]}},
         ActionKind.COMMAND, "sh -c 'a b'"),
        ({"kind": "execute", "rawInput": {"command": "ls", "args": ["a b"]}}, ActionKind.COMMAND, "ls 'a b'"),
        ({"kind": "execute", "title": "make test"}, ActionKind.COMMAND, "make test"),
        ({"kind": "execute"}, ActionKind.OTHER, "execute"),
        ({"kind": "fetch", "rawInput": {"url": "https://x/"}}, ActionKind.NETWORK, "https://x/"),
        ({"kind": "search", "rawInput": {"pattern": "TODO"}}, ActionKind.READ, "TODO"),
        ({"kind": "edit", "rawInput": {"command": "create", "path": "/w/a"}}, ActionKind.WRITE, "/w/a"),
        ({"kind": "switch_mode", "title": "Leave plan mode"}, ActionKind.OTHER, "Leave plan mode"),
        ({"kind": 3, "title": [], "rawInput": "x", "locations": {}}, ActionKind.OTHER, "other"),
    ],
    ids=["edit", "delete", "diff", "pathless_edit", "command", "argv", "args", "title", "bare_command",
         "fetch", "search", "editor", "mode", "nonsense"],
)  # fmt: skip
def test_kind_and_subject(tool_call: dict[str, Any], kind: ActionKind, subject: str) -> None:
    assert asked(**tool_call) == [(kind, subject)]


def test_every_path_is_asked_about() -> None:
    locations = [{"path": "/w/a"}, {"path": "/etc/passwd"}, {"path": "/w/a"}]
    move = {"source": "/w/a", "destination": "/b"}
    subjects = [subject for _, subject in asked(kind="move", locations=locations, rawInput=move)]
    assert sorted(subjects) == ["/b", "/etc/passwd", "/w/a"]


@pytest.mark.parametrize(
    ("tool_call", "shown"),
    [
        ({"kind": "read", "locations": [{"path": "a"}],
          "rawInput": {"command": ["sh", "-c", "cat a; sudo x"]}},
         [(ActionKind.READ, "a"), (ActionKind.COMMAND, "sh -c 'cat a; sudo x'")]),
        ({"kind": "execute", "rawInput": {"command": "ls"},
          "content": [{"type": "diff", "path": "/etc/x", "newText": "x"}]},
         [(ActionKind.COMMAND, "ls"), (ActionKind.WRITE, "/etc/x")]),
        ({"kind": "other", "title": "a tool", "rawInput": {"command": "rm"}},
         [(ActionKind.OTHER, "rm"), (ActionKind.COMMAND, "rm")]),
        ({"kind": "read", "locations": [{"path": "a"}], "rawInput": {"url": "https://x/"}},
         [(ActionKind.READ, "a"), (ActionKind.NETWORK, "https://x/")]),
        ({"kind": "edit", "rawInput": {"command": "create"}, "title": "Edit"},
         [(ActionKind.OTHER, "Edit"), (ActionKind.COMMAND, "create")]),
    ],
    ids=["read", "execute", "other", "url", "pathless_editor"],
)  # fmt: skip
def test_what_a_call_shows_is_judged_whatever_kind_it_says(
    tool_call: dict[str, Any], shown: list[tuple[ActionKind, str]]
) -> None:
    assert asked(**tool_call) == shown


def test_more_than_can_be_judged_is_of_no_known_kind() -> None:
    many = [{"path": f"/w/{number}"} for number in range(201)]
    assert asked(kind="edit", locations=many, title="many") == [(ActionKind.OTHER, "many")]
    long = {"command": "true; " * 20_000 + "sudo rm"}
    assert asked(kind="execute", title="true", rawInput=long) == [(ActionKind.OTHER, "true")]


def options(*told: tuple[str, str, str]) -> tuple[Option, ...]:
    return options_of([{"optionId": number, "kind": kind, "name": name} for number, kind, name in told])


@pytest.mark.parametrize(
    ("offered", "allowed", "denied"),
    [
        ([("proceed_always", "allow_always", "All"), ("proceed_once", "allow_once", "Allow"),
          ("cancel", "reject_once", "Reject")], "proceed_once", "cancel"),
        ([("acceptEdits", "allow_once", "Yes, and auto-accept edits"), ("default", "allow_once", "Yes"),
          ("plan", "reject_once", "No, keep planning")], "default", "plan"),
        ([("a", "allow_once", "Yes, and bypass permissions"), ("the-longer-id", "allow_once", "Yes")],
         "the-longer-id", None),
        ([("always", "allow_always", "All"), ("never", "reject_always", "Never")], None, "never"),
        ([("", "allow_once", "")], "", None),
        ([], None, None),
    ],
    ids=["gemini", "modes", "bypass", "always_only", "empty_id", "none"],
)  # fmt: skip
def test_the_plainest_option_of_the_kind_is_chosen(
    offered: list[tuple[str, str, str]], allowed: str | None, denied: str | None
) -> None:
    told = options(*offered)
    assert (choose(told, True), choose(told, False)) == (allowed, denied)


def test_options_that_are_none_are_passed_over() -> None:
    assert options_of([{"optionId": 3}, "x", None, {"kind": "allow_once"}]) == ()
    assert options_of("x") == ()
