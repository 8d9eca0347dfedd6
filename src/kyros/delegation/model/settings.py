"""A project's kyros.toml, read from the base branch (never from the agent's worktree)."""

import math
import tomllib
from dataclasses import dataclass

from kyros.delegation.errors import SettingsInvalid

SETTINGS_FILE = "kyros.toml"


@dataclass(frozen=True)
class ProjectSettings:
    """`check_command` is one shell line; None: the project has no checks."""

    check_command: str | None = None
    check_timeout_seconds: float | None = None


def parse_settings(content: bytes | None) -> ProjectSettings:
    """Raises SettingsInvalid naming the key; no file means no checks."""
    if content is None:
        return ProjectSettings()
    try:
        table = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsInvalid(f"{SETTINGS_FILE} is not valid TOML: {error}.") from error
    _refuse_unknown(table, {"checks"}, "")
    checks = table.get("checks", {})
    if not isinstance(checks, dict):
        raise SettingsInvalid(f"{SETTINGS_FILE}: `checks` must be a table.")
    _refuse_unknown(checks, {"command", "timeout_seconds"}, "checks.")
    command, seconds = checks.get("command"), checks.get("timeout_seconds")
    if command is not None and not (isinstance(command, str) and command.strip()):
        raise SettingsInvalid(f"{SETTINGS_FILE}: `checks.command` must be one line of shell.")
    if seconds is not None and not _is_duration(seconds):
        raise SettingsInvalid(f"{SETTINGS_FILE}: `checks.timeout_seconds` must be a number above 0.")
    return ProjectSettings(command, seconds)


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _refuse_unknown(table: dict[str, object], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            names = ", ".join(f"{where}{name}" for name in sorted(known))
            raise SettingsInvalid(f"{SETTINGS_FILE}: unknown key `{where}{key}`; known: {names}.")
