"""`playbook --yes`: what TASK.md spells out is done to the letter, anything else is refused clearly."""

import subprocess
import sys
from pathlib import Path

import pytest

PLAYBOOK = (sys.executable, "-P", "-m", "kyros.entrypoints.playbook")
PROMPT = "Read TASK.md and implement the feature."


def play(folder: Path, task: str | bytes | None, prompt: str = PROMPT) -> tuple[int, str]:
    if task is not None:
        (folder / "TASK.md").write_bytes(task if isinstance(task, bytes) else task.encode())
    done = subprocess.run(
        [*PLAYBOOK, "--yes", prompt], cwd=folder, env={}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, encoding="utf-8", timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    return done.returncode, done.stdout


def write(path: str, text: str, fence: str = "```") -> str:
    return f"{fence}text file={path}\n{text}{fence}\n"


def test_all_three_kinds_are_carried_out_in_order(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("a\nb\n")
    task = (
        "# A task\n\nProse with `code`.\n\n"
        + write("src/new/hello.py", "print('hello')\n")
        + "```diff\n--- a/old.txt\n+++ b/old.txt\n@@ -1,2 +1,2 @@\n a\n-b\n+B\n```\n"
        + "```sh run\ncat old.txt > seen; ls src/new\n```\n"
        + write("old.txt", "later\n")
    )
    code, output = play(tmp_path, task)
    assert (code, output.splitlines()[-1]) == (0, "Done: 2 files written, 1 diff applied, 1 command run.")
    assert (tmp_path / "src/new/hello.py").read_text() == "print('hello')\n"
    assert (tmp_path / "seen").read_text() == "a\nB\n"
    assert (tmp_path / "old.txt").read_text() == "later\n"
    assert "  │ hello.py" in output


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/etc/passwd", "absolute"),
        ("../out.txt", "climbs out"),
        ("a/../../out.txt", "climbs out"),
        ("link/out.txt", "symbolic link"),
        ("dangling", "symbolic link"),
        (".git/hooks/pre-commit", ".git"),
        ("sub/.GIT/config", ".git"),
        ("folder", "it is a folder"),
        ("new/", "names a folder"),
        (".", "names a folder"),
        ('"a\x07b"', "control character"),
    ],
)
@pytest.mark.parametrize("kind", ["file", "diff"])
def test_a_path_that_is_not_ours_is_refused_before_anything_is_written(
    tmp_path: Path, path: str, reason: str, kind: str
) -> None:
    folder = tmp_path / "work"
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "dangling").symlink_to(tmp_path / "out.txt")
    bad = (
        write(path, "bad\n")
        if kind == "file"
        else f"```diff\n--- /dev/null\n+++ {path}\n@@ -0,0 +1 @@\n+bad\n```\n"
    )
    code, output = play(folder, write("first.txt", "1\n") + bad)
    assert code == 1
    assert reason in output
    assert "✗ Failed: Line 4 of TASK.md" in output
    assert not (folder / "first.txt").exists()
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["TASK.md"]


def test_a_link_that_a_command_makes_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "outside").mkdir()
    task = "```sh run\nln -s ../outside way; ln -s ../outside/file direct\n```\n"
    for path in ("way/file", "direct"):
        code, output = play(folder, task + write(path, "bad\n"))
        assert (code, "symbolic link" in output) == (1, True)
        (folder / "way").unlink()
        (folder / "direct").unlink()
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_command_that_fails_fails_the_turn_with_its_code(tmp_path: Path) -> None:
    code, output = play(tmp_path, "```sh run\necho no; exit 7\n```\n" + write("after.txt", "x\n"))
    assert code == 1
    assert output.splitlines()[-1] == "✗ Failed: the command of line 1 ended with exit code 7."
    assert not (tmp_path / "after.txt").exists()


def test_without_blocks_it_says_that_it_is_no_model(tmp_path: Path) -> None:
    code, output = play(tmp_path, "# Add a button\n\n```python\nnot_for_us()\n```\n")
    assert code == 1
    assert "playbook is not a model" in output
    assert "nothing to carry out" in output


def test_a_prompt_about_something_else_is_declined(tmp_path: Path) -> None:
    code, output = play(tmp_path, write("a", "a\n"), prompt="What is the weather?")
    assert code == 1
    assert "playbook is not a model" in output
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (None, "there is no TASK.md"),
        (b"```text file=a\n\xff\n```\n", "is not UTF-8"),
        ("```text file=a\nnever closed\n", "line 1 of TASK.md is never closed"),
        ("```text file=\nx\n```\n", "without a path"),
        ("```text file=a b.txt\nx\n```\n", 'file="like this.txt"'),
        ("```python run\nx\n```\n", "only `sh run` blocks are executed"),
        (write("a", "x\n") + write("a/b", "y\n"), "a is a file, not a folder"),
        (write("x" * 300, "y\n"), "File name too long"),
    ],
)
def test_a_task_that_cannot_be_carried_out_says_why(
    tmp_path: Path, task: str | bytes | None, reason: str
) -> None:
    code, output = play(tmp_path, task)
    assert code == 1
    assert reason in output


def test_line_ends_nesting_names_and_modes_are_kept_right(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("old")
    (tmp_path / "script").chmod(0o755)
    task = (
        "````md file=nested.md\n```sh run\nnot run\n```\n````\r\n"
        "~~~text file=tildes.txt\n```\nstill inside\n~~~\n"
        "  ```py file=indented.py\n  if x:\n      y\n  ```\n"
        '```text file="ün ïcode/漢字 👩.txt"\nwide\n```\n'
        "```text file=empty.txt\n```\n"
        "```text file=script\nnew\n```\n"
        "```text file=last.txt\r\none\r\n\r\ntwo\r\n```"
    )
    code, output = play(tmp_path, task)
    assert code == 0, output
    read = {str(p.relative_to(tmp_path)): p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    del read["TASK.md"]
    assert read == {
        "nested.md": "```sh run\nnot run\n```\n",
        "tildes.txt": "```\nstill inside\n",
        "indented.py": "if x:\n    y\n",
        "ün ïcode/漢字 👩.txt": "wide\n",
        "empty.txt": "",
        "script": "new\n",
        "last.txt": "one\n\ntwo\n",
    }
    assert (tmp_path / "script").stat().st_mode & 0o777 == 0o755


def test_its_output_is_clean_of_what_a_command_sends_to_terminals(tmp_path: Path) -> None:
    _, output = play(
        tmp_path, "```sh run\nprintf '\\033[2J\\033]0;x\\007\\033[31mred\\033[0m\\rover\\n'\n```\n"
    )
    assert "  │ over" in output
    assert "\x1b" not in output


@pytest.mark.parametrize("arguments", [["--yes"], ["--yes", "a", "b"], ["--nonsense"], ["words"]])
def test_a_wrong_call_shows_the_usage(arguments: list[str]) -> None:
    done = subprocess.run([*PLAYBOOK, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "Usage: playbook" in done.stderr


def test_without_a_terminal_it_names_the_other_way() -> None:
    done = subprocess.run([*PLAYBOOK], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--yes" in done.stderr


def test_it_imports_nothing_of_kyros_but_itself(tmp_path: Path) -> None:
    script = (
        "import sys, kyros.entrypoints.playbook.conversation; "
        "print(*sorted(m for m in sys.modules if m.startswith('kyros')), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    ours = [name for name in done.stdout.split() if not name.startswith("kyros.entrypoints.playbook")]
    assert ours == ["kyros", "kyros.entrypoints"]
