"""Diffs as git and people write them, applied all or nothing; git itself is the judge."""

import subprocess
from pathlib import Path

import pytest

from kyros.entrypoints.playbook.diffs import DiffRefused, apply_diff, parse_diff
from kyros.entrypoints.playbook.folder import Folder

TEXT = "".join(f"line {number}\n" for number in range(1, 31))


def apply(folder: Path, diff: str) -> None:
    apply_diff(parse_diff(diff), Folder(folder))


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments],
        cwd=folder, capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    return done.stdout


def change(folder: Path) -> None:
    """Everything a diff of text files can hold."""
    lines = TEXT.splitlines(keepends=True)
    (folder / "many.txt").write_text("".join(["top\n", *lines[:10], "between\n", *lines[14:], "end\n"]))
    (folder / "gone/deep").joinpath("removed.txt").unlink()
    (folder / "made/deep").mkdir(parents=True)
    (folder / "made/deep/new.txt").write_text("new\n")
    (folder / "made/empty.txt").write_text("")
    (folder / "made/run.sh").write_text("#!/bin/sh\n")
    (folder / "made/run.sh").chmod(0o755)
    (folder / "no newline.txt").write_text("now with one\n")
    (folder / "newline.txt").write_text("now without")
    (folder / "ünï 漢.txt").write_text("changed\n")
    (folder / "old name.txt").rename(folder / "new name.txt")
    (folder / "blank.txt").write_text("a\n\nb\n\nc\n")
    (folder / "crlf.txt").write_bytes(b"one\r\nTWO\r\nthree\r\n")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "gone/deep").mkdir(parents=True)
    git(folder, "init", "-q")
    git(folder, "config", "core.autocrlf", "false")
    for name, text in {
        "many.txt": TEXT,
        "gone/deep/removed.txt": "removed\n",
        "no newline.txt": "without",
        "newline.txt": "with\n",
        "ünï 漢.txt": "old\n",
        "old name.txt": TEXT,
        "blank.txt": "a\n\nb\n\n",
        "crlf.txt": "one\r\ntwo\r\nthree\r\n",
    }.items():
        (folder / name).write_bytes(text.encode())
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "before")
    return folder


@pytest.mark.parametrize("options", [[], ["-U0"], ["-U1"], ["--no-prefix"], ["--no-renames"], ["-U100"]])
def test_what_git_writes_is_applied_as_git_would(repository: Path, options: list[str]) -> None:
    change(repository)
    git(repository, "add", "-A")
    diff = git(repository, "diff", "--cached", *options)
    wanted = git(repository, "write-tree")
    git(repository, "reset", "-q", "--hard")
    apply(repository, diff)
    git(repository, "add", "-A")
    assert git(repository, "write-tree") == wanted
    assert not (repository / "gone").exists()


def test_lines_that_moved_are_found(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("new first\n" * 5 + TEXT)
    apply(tmp_path, "--- a/a\n+++ b/a\n@@ -10,3 +10,3 @@\n line 10\n-line 11\n+LINE 11\n line 12\n")
    assert (tmp_path / "a").read_text() == "new first\n" * 5 + TEXT.replace("line 11\n", "LINE 11\n")


def test_of_two_places_the_nearer_is_changed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x\ny\n" + "-\n" * 20 + "x\ny\n")
    apply(tmp_path, "--- a/a\n+++ b/a\n@@ -21,2 +21,2 @@\n x\n-y\n+Y\n")
    assert (tmp_path / "a").read_text() == "x\ny\n" + "-\n" * 20 + "x\nY\n"


def test_a_file_with_crlf_keeps_it_whatever_the_diff_has(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\r\ntwo\r\n")
    apply(tmp_path, "--- a/a\n+++ b/a\n@@ -1,2 +1,3 @@\n one\n-two\n+2\n+3\n")
    assert (tmp_path / "a").read_bytes() == b"one\r\n2\r\n3\r\n"


def test_a_diff_without_prefixes_and_with_dates_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x\n")
    apply(tmp_path, "--- a.txt\t2026-11-21 10:00:00\n+++ a.txt\t2026-11-21 10:01:00\n@@ -1 +1 @@\n-x\n+y\n")
    assert (tmp_path / "a.txt").read_text() == "y\n"


def test_bytes_that_are_not_utf8_survive(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff\nx\n")
    apply(tmp_path, "--- a/a\n+++ b/a\n@@ -2 +2 @@\n-x\n+y\n")
    assert (tmp_path / "a").read_bytes() == b"\xff\ny\n"


def test_a_hunk_that_does_not_fit_is_named_and_nothing_is_applied(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x\n")
    (tmp_path / "b").write_text("x\n")
    fits = "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n+y\n"
    wrong = "--- a/b\n+++ b/b\n@@ -1 +1 @@\n-z\n+y\n"
    with pytest.raises(DiffRefused, match=r"Hunk 1 of b \(@@ -1 \+1 @@\) does not fit"):
        apply(tmp_path, fits + wrong)
    assert (tmp_path / "a").read_text() == "x\n"


@pytest.mark.parametrize(
    ("diff", "reason"),
    [
        ("nothing here\n", "names no file"),
        ("--- a/x\n+++ b/x\n@@ what @@\n", "cannot be read"),
        ("--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n", "does not hold the lines"),
        ("--- a/no\n+++ b/no\n@@ -1 +1 @@\n-a\n+b\n", "there is no such file"),
        ("--- /dev/null\n+++ b/have\n@@ -0,0 +1 @@\n+a\n", "already there"),
        ("--- a/have\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n", "not all its lines"),
        ("diff --git a/x b/x\nBinary files a/x and b/x differ\n", "no text file"),
        ("diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n", "no text file"),
    ],
)  # fmt: skip
def test_a_diff_that_cannot_be_used_says_why(tmp_path: Path, diff: str, reason: str) -> None:
    (tmp_path / "have").write_text("one\ntwo\n")
    with pytest.raises(DiffRefused, match=reason):
        apply(tmp_path, diff)
    assert (tmp_path / "have").read_text() == "one\ntwo\n"
