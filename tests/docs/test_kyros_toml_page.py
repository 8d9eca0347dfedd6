"""docs/reference/kyros-toml.md names every key of a project's kyros.toml, and its example can be used."""

import re

import pytest

from kyros.delegation.errors import SettingsInvalid
from kyros.delegation.model import parse_settings
from tests.docs.markdown import REFERENCE, table


def known(content: bytes) -> set[str]:
    """The keys that the refusal of an unknown one names."""
    with pytest.raises(SettingsInvalid) as refused:
        parse_settings(content)
    return set(re.findall(r"[\w.]+", refused.value.message.partition("known: ")[2].rstrip(".")))


def test_every_key_stands_there() -> None:
    assert known(b"unknown = 1") == {"checks"}
    assert set(table("kyros-toml.md")) == known(b"[checks]\nunknown = 1")


def test_its_example_can_be_used() -> None:
    text = (REFERENCE / "kyros-toml.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert parse_settings(example.encode()).check_command is not None
