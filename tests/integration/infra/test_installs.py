"""Which folders a program needs, as package managers lay them out below a home."""

import os
from pathlib import Path

import pytest

from kyros.infra.sandbox.installs import folders_of, needed_by


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "ada"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


def program(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_npm_a_link_to_a_script_and_the_node_it_names(home: Path) -> None:
    node = program(home / ".nvm/versions/node/v20/bin/node")
    script = program(home / ".npm-global/lib/node_modules/@a/code/cli.js", "#!/usr/bin/env -S node --x\n")
    link = home / ".local/bin/code"
    link.parent.mkdir(parents=True)
    link.symlink_to(os.path.relpath(script, link.parent))
    (home / ".nvm/versions/node/v20/lib").mkdir()
    needed = needed_by(link, str(node.parent))
    assert needed == {
        home / ".local/bin",
        home / ".npm-global/lib/node_modules",
        home / ".nvm/versions/node/v20",
    }


def test_pipx_a_virtual_environment_and_the_python_below_it(home: Path) -> None:
    python = program(home / ".pyenv/versions/3.12/bin/python3.12")
    (home / ".pyenv/versions/3.12/lib").mkdir()
    venv = home / ".local/share/pipx/venvs/aider"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").touch()
    (venv / "bin/python").symlink_to(python)
    script = program(venv / "bin/aider", f"#!{venv}/bin/python\n")
    link = home / ".local/bin/aider"
    link.parent.mkdir(parents=True)
    link.symlink_to(script)
    assert needed_by(link, "") == {home / ".local/bin", venv, home / ".pyenv/versions/3.12"}


def test_a_program_right_in_a_home_does_not_open_the_home(home: Path) -> None:
    assert needed_by(program(home / "agent"), "") == {home / "agent"}


def test_a_bin_folder_of_the_home_does_not_open_the_home(home: Path) -> None:
    (home / "lib").mkdir()
    assert needed_by(program(home / "bin/agent"), "") == {home / "bin"}
    (home / ".local/lib").mkdir(parents=True)
    assert needed_by(program(home / ".local/bin/agent"), "") == {home / ".local/bin"}


def test_a_circle_of_links_ends(home: Path) -> None:
    (home / "bin").mkdir()
    (home / "bin/a").symlink_to("b")
    (home / "bin/b").symlink_to("a")
    assert needed_by(home / "bin/a", "") == {home / "bin"}


def test_folders_of_the_path_come_with_their_installation(home: Path) -> None:
    program(home / "tools/bin/t")
    program(home / ".rbenv/shims/ruby")
    (home / ".rbenv/libexec").mkdir()
    path = f"{home}/tools/bin:{home}/.rbenv/shims:{home}/not-there:relative:"
    assert folders_of(path) == {home / "tools/bin", home / ".rbenv"}
