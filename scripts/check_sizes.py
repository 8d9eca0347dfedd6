"""Refuses functions over 80 lines and files over 500: prints `file:line name: n lines`, exits 1.

Python is parsed. TypeScript is read by indentation, which its formatter guarantees: a function ends
where a line with the indentation of its first line closes it.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FUNCTION_LINES = 80
FILE_LINES = 500
FOLDERS = ("src", "console/src", "tests")
SUFFIXES = (".py", ".ts", ".tsx")

_EXEMPT = re.compile(r"\.gen\.|/migrations/versions/|/node_modules/|/static/")
_OPENS = re.compile(
    r"(=>\s*[{(]?|\bfunction\b.*|^\s*(?!if|for|while|switch|catch|do|else)[\w$ #]+\(.*\).*\{)$"
)
_NAMED = re.compile(r"(?:\bfunction\b\s*|\b(?:const|let|var)\s+)([\w$]+)|^\s*(?:\w+\s+)*([\w$#]+)\s*[(:=]")
_SUITE = re.compile(r"^\s*(?:test\.)?(?:describe|suite)\b")


class Finding(NamedTuple):
    line: int
    name: str
    lines: int


def main(roots: list[str]) -> int:
    """Check the files or folders named, or this project's own. Returns the exit code."""
    project = Path(__file__).parent.parent
    paths = [Path(root) for root in roots] or [project / folder for folder in FOLDERS]
    found = 0
    for file in sorted({file for path in paths for file in sources(path)}):
        for finding in check(file):
            found += 1
            name = file.relative_to(project) if file.is_relative_to(project) else file
            print(f"{name}:{finding.line} {finding.name}: {finding.lines} lines")  # noqa: T201 - a command's output
    return 1 if found else 0


def sources(path: Path) -> Iterator[Path]:
    """The files under `path` that people write."""
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file() and file.suffix in SUFFIXES and not _EXEMPT.search(f"/{file.as_posix()}"):
            yield file


def check(file: Path) -> list[Finding]:
    """What is too long in one file, the file itself first."""
    text = file.read_text(encoding="utf-8")
    length = len(text.splitlines())
    functions = python_functions(text) if file.suffix == ".py" else typescript_functions(text)
    whole = [Finding(1, "the file", length)] if length > FILE_LINES else []
    return whole + [found for found in functions if found.lines > FUNCTION_LINES]


def python_functions(text: str) -> Iterator[Finding]:
    """Nothing for a file that cannot be parsed: the other linters say so better."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            yield Finding(node.lineno, node.name, node.end_lineno - node.lineno + 1)


def typescript_functions(text: str) -> Iterator[Finding]:
    """Test suites (`describe`) are lists of functions, not functions."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        if _OPENS.search(line) and not _SUITE.search(line):
            first = _signature_start(lines, start)
            yield Finding(first + 1, _name(lines[first]), _end(lines, start) - first + 1)


def _signature_start(lines: list[str], opened: int) -> int:
    """A signature over several lines ends in one that begins with a bracket: its start is above."""
    if lines[opened].lstrip()[:1] not in (")", "}"):
        return opened
    indent = _indent(lines[opened])
    above = range(opened - 1, -1, -1)
    return next((row for row in above if lines[row].strip() and _indent(lines[row]) == indent), opened)


def _end(lines: list[str], opened: int) -> int:
    """A closing bracket that opens the next (`} else {`) goes on; without one, what came before was all."""
    indent, last = _indent(lines[opened]), opened
    for row in range(opened + 1, len(lines)):
        line = lines[row]
        if line.strip() and _indent(line) <= indent:
            if line.lstrip()[0] not in ")}":
                return last
            if not line.rstrip().endswith(("{", "(", "=>")):
                return row
        last = row if line.strip() else last
    return last


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _name(line: str) -> str:
    match = _NAMED.search(line)
    return next((name for name in match.groups() if name), "function") if match else "function"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
