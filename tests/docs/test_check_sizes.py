"""The size lint: what it refuses, what it lets be, and how it says so."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_sizes.py"


def check(*paths: Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, SCRIPT, *paths], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def python(lines: int, head: str = "def work():") -> str:
    return "\n".join([head, *["    step()"] * (lines - 1)]) + "\n"


def typescript(lines: int, head: str, tail: str) -> str:
    return "\n".join([head, *["  step();"] * (lines - 2), tail]) + "\n"


@pytest.mark.parametrize("head", ["def work():", "async def work():"])
def test_a_python_function_of_80_lines_passes_and_of_81_is_named(tmp_path: Path, head: str) -> None:
    file = tmp_path / "a.py"
    file.write_text(python(80, head))
    assert check(tmp_path) == (0, "")
    file.write_text("\n\n" + python(81, head))
    assert check(tmp_path) == (1, f"{file}:3 work: 81 lines\n")


def test_methods_and_inner_functions_count_on_their_own(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    body = "\n".join(f"        {line}" for line in python(81, "def inner():").splitlines())
    file.write_text(f"class C:\n    def outer(self):\n{body}\n")
    assert check(file) == (1, f"{file}:2 outer: 82 lines\n{file}:3 inner: 81 lines\n")


@pytest.mark.parametrize(
    ("head", "tail", "name"),
    [
        ("export function Board() {", "}", "Board"),
        ("export default async function load() {", "}", "load"),
        ("const Board = () => {", "};", "Board"),
        ("export const Board = memo(function Board() {", "});", "Board"),
        ("const pick = (all: Run[]) => (", ");", "pick"),
        ("function Board({\n  runs,\n  title,\n}: Props) {", "}", "Board"),
        ("useEffect(() => {", "}, []);", "useEffect"),
    ],
)
def test_a_typescript_function_of_81_lines_is_named(tmp_path: Path, head: str, tail: str, name: str) -> None:
    file = tmp_path / "a.tsx"
    extra = head.count("\n")
    file.write_text(typescript(80 - extra, head, tail))
    assert check(tmp_path) == (0, "")
    file.write_text(typescript(81 - extra, head, tail))
    assert check(tmp_path) == (1, f"{file}:1 {name}: 81 lines\n")


def test_a_method_is_a_function_and_a_branch_is_not(tmp_path: Path) -> None:
    file = tmp_path / "a.ts"
    method = "\n".join(
        f"  {line}" for line in typescript(81, "write(bytes: Uint8Array): void {", "}").splitlines()
    )
    file.write_text(f"class Screen {{\n{method}\n}}\n")
    assert check(file) == (1, f"{file}:2 write: 81 lines\n")
    file.write_text(typescript(81, "if (ready) {", "}"))
    assert check(file) == (0, "")


@pytest.mark.parametrize("after", ["export class Screen {", "export function Board() {", "let x = 1;"])
def test_a_function_without_a_closing_bracket_ends_before_what_comes_next(tmp_path: Path, after: str) -> None:
    file = tmp_path / "a.ts"
    rest = "\n".join(f"\n{after}\n  step();\n}}" for _ in range(20)) + "\n"
    head = "const isOver = (run: Run) =>"
    file.write_text(f"{typescript(80, head, '  run.ended;')}\n{rest}")
    assert check(file) == (0, "")
    file.write_text(f"{typescript(81, head, '  run.ended;')}\n{rest}")
    assert check(file) == (1, f"{file}:1 isOver: 81 lines\n")


def test_a_test_suite_may_be_long_but_not_its_tests(tmp_path: Path) -> None:
    file = tmp_path / "a.test.ts"
    file.write_text(typescript(200, 'describe("board", () => {', "});"))
    assert check(file) == (0, "")
    file.write_text(typescript(81, 'it("moves a card", () => {', "});"))
    assert check(file)[0] == 1


@pytest.mark.parametrize("name", ["a.py", "a.ts", "a.tsx"])
def test_a_file_of_501_lines_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text("x = 1\n" * 500)
    assert check(file) == (0, "")
    file.write_text("x = 1\n" * 501)
    assert check(file) == (1, f"{file}:1 the file: 501 lines\n")


@pytest.mark.parametrize(
    "name", ["schema.gen.ts", "migrations/versions/0001.py", "node_modules/a.ts", "notes.md"]
)
def test_generated_and_foreign_files_are_exempt(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x = 1\n" * 501)
    assert check(tmp_path) == (0, "")
