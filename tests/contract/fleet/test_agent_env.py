"""What an agent's terminal is told does not depend on how the worker was started."""

from pathlib import Path

import pytest

from kyros.fleet.adapters.machine import LocalMachine


def test_the_profiles_environment_and_our_terminal_come_before_the_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("LANG", "C")
    machine = LocalMachine("inst", tmp_path, ())
    env = machine.agent_env("run_1", (), {"LANG": "C.UTF-8"})
    assert (env["TERM"], env["LANG"]) == ("xterm-256color", "C.UTF-8")


def test_a_home_of_the_agents_own_has_the_profiles_files_and_a_lent_one_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent = tmp_path / "ada"
    lent.mkdir()
    monkeypatch.setenv("HOME", str(lent))
    machine = LocalMachine("inst", tmp_path / "agents", ())
    files = {".tool/settings.json": "{}"}
    own = Path(machine.agent_env("session_1", (), {}, files)["HOME"])
    assert (own / ".tool" / "settings.json").read_text() == "{}"
    machine.agent_env("session_2", ("HOME",), {}, files)
    assert not [*lent.iterdir()]


def test_the_users_home_is_lent_only_by_name_and_the_marker_cannot_be_overruled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("KYROS_PROCESS", "other/run_9")
    machine = LocalMachine("inst", tmp_path, ("KYROS_PROCESS",))
    assert machine.agent_env("run_1", (), {})["HOME"] != "/home/ada"
    assert machine.agent_env("run_1", ("HOME",), {})["HOME"] == "/home/ada"
    assert machine.agent_env("run_1", (), {"KYROS_PROCESS": "x"})["KYROS_PROCESS"] == "inst/run_1"
