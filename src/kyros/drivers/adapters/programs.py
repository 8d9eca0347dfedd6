"""Finds a profile's program and builds its environment."""

import shutil
import sys
from collections.abc import Mapping

from kyros.drivers.errors import AgentNotInstalled
from kyros.drivers.model import Launch, Profile

OUR_PYTHON = "@python"


def find_program(profile: Profile, path: str | None = None) -> str | None:
    """Absolute path of the program on `path` (default: our PATH), or None."""
    if profile.command[0] == OUR_PYTHON:
        return sys.executable
    return shutil.which(profile.command[0], path=path)


def command_line(profile: Profile, launch: Launch) -> list[str]:
    """The launch's prefix, then the command with its program's absolute path. Raises AgentNotInstalled."""
    program = find_program(profile, launch.env.get("PATH"))
    if program is None:
        raise AgentNotInstalled(
            f"{profile.title} is not installed: {profile.command[0]} is not on the PATH. "
            f"{profile.install_hint}",
            profile=profile.name,
            program=profile.command[0],
        )
    return [*launch.prefix, program, *profile.command[1:]]


def environment(profile: Profile, launch: Launch, **extra: str) -> Mapping[str, str]:
    """The launch's whole environment, what the profile sets, and `extra`."""
    return {**launch.env, **profile.environment, **extra}
