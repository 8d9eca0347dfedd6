"""`.env.example` names every setting with its description and default, and nothing else."""

import json
import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from kyros.kernel.settings import Settings

FILE = Path(__file__).parents[2] / ".env.example"
ENTRY = re.compile(r"^# (?P<description>.+)\n# (?P<name>KYROS_[A-Z_]+)=(?P<default>.*)$", re.MULTILINE)


def expected() -> dict[str, tuple[str, str]]:
    """Name -> (description, default as one would write it)."""
    return {
        f"KYROS_{name.upper()}": (field.description or "", written(name))
        for name, field in Settings.model_fields.items()
    }


def written(name: str) -> str:
    if name == "home":
        return "~/.local/share/.kyros"
    default = Settings.model_fields[name].get_default(call_default_factory=True)
    if isinstance(default, list):
        return json.dumps(default)
    return f"{default:g}" if isinstance(default, float) else str(default)


def listed() -> dict[str, tuple[str, str]]:
    return {
        entry["name"]: (entry["description"], entry["default"]) for entry in ENTRY.finditer(FILE.read_text())
    }


def test_every_setting_is_listed_as_it_is() -> None:
    assert listed() == expected()


def test_every_setting_has_a_description() -> None:
    assert [name for name, (description, _) in expected().items() if not description] == []


def test_nothing_is_set_until_somebody_takes_the_hash_away() -> None:
    assert dotenv_values(FILE) == {}


def test_it_is_read_as_it_stands_without_the_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in listed():
        monkeypatch.delenv(name, raising=False)
    copy = tmp_path / ".env"
    copy.write_text(re.sub(r"^# (?=KYROS_[A-Z_]+=)", "", FILE.read_text(), flags=re.MULTILINE))
    given = Settings(_env_file=copy)
    default = Settings(_env_file=None)
    assert given.model_dump(exclude={"home"}) == default.model_dump(exclude={"home"})
