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


def find_command(profile: Profile, path: str | None = None) -> Sequence[str]:
    """The command of the first of its tiers whose program is on `path` (default: our PATH), with that
    program's absolute path; or nothing."""
    for tier in profile.tiers:
        command = command_of(profile, tier)
        if (program := find(command, path)) is not None:
            return [program, *command[1:]]
    return ()


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


def environment(launch: Launch, **extra: str) -> Mapping[str, str]:
    """The launch's whole environment, with what the profile sets, and what only its tier does."""
    return {**launch.env, **extra}
