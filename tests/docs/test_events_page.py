"""docs/reference/events.md names every event that the code appends, and no other.

The names are read from the source: whatever reaches `NewEvent(…)` as its first argument, through the
functions that only pass it on.
"""

import ast
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import kyros
from kyros.delegation.model import RunStatus
from kyros.forge.model import PullState
from tests.docs.markdown import table

STATES: dict[str, type[StrEnum]] = {"RunStatus": RunStatus, "PullState": PullState}
SOURCES = [
    path
    for path in sorted(Path(kyros.__file__).parent.rglob("*.py"))
    if path.name != "fake.py" and "NewEvent" in path.read_text("utf-8")
]

Function = ast.FunctionDef | ast.AsyncFunctionDef
Around = tuple[Function, ...]
"""The functions a call stands in, the innermost first: closures see what is further out."""


class Module:
    """One source file: its calls, each with the functions around it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.calls: list[tuple[ast.Call, Around]] = []
        self._collect(ast.parse(path.read_text("utf-8")), ())

    def _collect(self, node: ast.AST, around: Around) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                self.calls.append((child, around))
            inner = (child, *around) if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else around
            self._collect(child, inner)

    def events(self) -> set[str]:
        return set(self._reaching("NewEvent", "event", 0))

    def _reaching(self, function: str, name: str, position: int) -> Iterator[str]:
        """Every text that may be this argument of any call to `function`."""
        for call, around in self.calls:
            if _called(call) == function:
                keyword = next((one.value for one in call.keywords if one.arg == name), None)
                given = keyword or (call.args[position] if len(call.args) > position else None)
                assert given is not None, f"{self.path}:{call.lineno} leaves {name} out"
                yield from self._texts(given, around)

    def _texts(self, node: ast.expr, around: Around) -> Iterator[str]:
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(
                values=[ast.Constant(value=str(head)), ast.FormattedValue(value=ast.Name() as rest)]
            ):
                yield from (f"{head}{state}" for state in self._states(rest, around))
            case ast.Name():
                yield from self._values(node, around)
            case _:
                raise AssertionError(
                    f"{self.path}:{node.lineno}: this test cannot tell what the event is called"
                )

    def _values(self, name: ast.Name, around: Around) -> Iterator[str]:
        """Of a variable: its parameter's arguments, or the texts of the expression assigned to it."""
        if (function := _owner(name.id, around)) is not None:
            yield from self._reaching(function.name, name.id, _position(name.id, function))
            return
        assigned = [
            node.value
            for node in ast.walk(around[0])
            if isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == name.id for target in node.targets)
        ]
        assert assigned, f"{self.path}:{name.lineno}: {name.id} comes from nowhere"
        for node in (node for value in assigned for node in ast.walk(value)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value

    def _states(self, name: ast.Name, around: Around) -> Iterator[str]:
        """Of a parameter that is a state: those named by its callers, or all of them."""
        function = _owner(name.id, around)
        assert function is not None
        (annotation,) = [one.annotation for one in function.args.args if one.arg == name.id]
        assert isinstance(annotation, ast.Name)
        kind, position = STATES[annotation.id], _position(name.id, function)
        given = [call.args[position] for call, _ in self.calls if _called(call) == function.name]
        if given and all(isinstance(one, ast.Attribute) for one in given):
            yield from (kind[one.attr].value for one in given if isinstance(one, ast.Attribute))
        else:
            yield from (state.value for state in kind)


def _owner(name: str, around: Around) -> Function | None:
    """The innermost function that has this parameter."""
    return next((one for one in around if name in [arg.arg for arg in one.args.args]), None)


def _position(name: str, function: Function) -> int:
    """Of a parameter among the arguments of a call."""
    return [arg.arg for arg in function.args.args if arg.arg != "self"].index(name)


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def appended() -> set[str]:
    return set().union(*(Module(path).events() for path in SOURCES))


def test_every_event_of_the_code_is_listed_and_no_other() -> None:
    assert set(table("events.md")) == appended()


def test_the_reading_finds_events_in_each_of_their_forms() -> None:
    known = {"task_created", "run_created", "run_timed_out", "pull_merged", "step_put_off", "branch_opened"}
    assert known <= appended()
    assert "pull_open" not in appended()
