"""Finds a profile's program and builds its environment."""

import shutil
import sys
from collections.abc import Mapping, Sequence

from kyros.drivers.errors import AgentNotInstalled
from kyros.drivers.model import Launch, Profile, Tier

OUR_PYTHON = "@python"


def command_of(profile: Profile, tier: Tier) -> Sequence[str]:
    """An adapter for ACP may be a program of its own."""
    own = profile.acp.command if tier is Tier.ACP and profile.acp is not None else ()
    return own or profile.command


def find_program(profile: Profile, path: str | None = None) -> str | None:
    """Absolute path of the program on `path` (default: our PATH), for the first of its tiers that has one
    there; or None."""
    found = (find(command_of(profile, tier), path) for tier in profile.tiers)
    return next((program for program in found if program is not None), None)


def find(command: Sequence[str], path: str | None = None) -> str | None:
    """Absolute path of a command's program, or None."""
    return sys.executable if command[0] == OUR_PYTHON else shutil.which(command[0], path=path)


def command_line(profile: Profile, launch: Launch, command: Sequence[str] = ()) -> list[str]:
    """The launch's prefix, then the command with its program's absolute path. Raises AgentNotInstalled."""
    command = command or profile.command
    program = find(command, launch.env.get("PATH"))
    if program is None:
        raise AgentNotInstalled(
            f"{profile.title} is not installed: {command[0]} is not on the PATH. {profile.install_hint}",
            profile=profile.name,
            program=command[0],
        )
    return [*launch.prefix, program, *command[1:]]


def environment(profile: Profile, launch: Launch, **extra: str) -> Mapping[str, str]:
    """The launch's whole environment, what the profile sets, and `extra`."""
    return {**launch.env, **profile.environment, **extra}
