"""docs/reference/errors.md says of every error code what the code says, and of no other."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import kyros
from kyros.entrypoints import problems
from kyros.entrypoints.cli.failures import Refused, exit_code_for
from kyros.kernel.errors import KyrosError
from tests.docs.markdown import REFERENCE, rows, sections, words

NO_HTTP = ("kyros.entrypoints.cli.", "kyros.entrypoints.supervisor")
"""Raised before there is a server to answer, or by the one who asks it."""


def below(kind: type[KyrosError]) -> Iterator[type[KyrosError]]:
    for one in kind.__subclasses__():
        if one.__module__.startswith("kyros."):
            yield one
            yield from below(one)


def meanings() -> dict[str, tuple[str, str]]:
    """Code -> (HTTP status, exit code). Two errors of one code must mean the same."""
    for module in pkgutil.walk_packages(kyros.__path__, "kyros."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: dict[str, tuple[str, str]] = {}
    for kind in below(KyrosError):
        error = kind("")
        status = "none" if kind.__module__.startswith(NO_HTTP) else str(problems.status_of(error))
        code = "by status" if kind is Refused else str(int(exit_code_for(error)))
        assert found.setdefault(kind.code, (status, code)) == (status, code), kind
    return found


def framework_codes() -> set[str]:
    """Codes of problems that stand for no error of ours."""
    calls = (node for node in ast.walk(ast.parse(inspect.getsource(problems))) if isinstance(node, ast.Call))
    named = {
        call.args[1].value
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "problem" and len(call.args) > 1
        and isinstance(call.args[1], ast.Constant)
    }  # fmt: skip
    return {str(code) for code in named} | set(problems._CODES.values())


def listed(title: str) -> dict[str, tuple[str, str]]:
    found = {}
    for first, status, code, _ in rows(sections(REFERENCE / "errors.md")[title]):
        (name,) = words(first)
        assert name not in found, f"{name} stands there twice"
        found[name] = (status, code)
    return found


def test_every_error_stands_there_with_its_status_and_exit_code() -> None:
    assert listed("Errors of Kyros") == meanings()


def test_what_the_server_says_of_malformed_requests_stands_there() -> None:
    assert set(listed("Of the request itself")) == framework_codes() - set(meanings())
