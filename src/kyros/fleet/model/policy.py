"""The approval policy: which requests of an agent are granted, and by which rule. Pure."""

import re
from pathlib import PurePath

from kyros.drivers.model import ActionKind, ApprovalRequest, Decision

_REFUSED_COMMANDS: tuple[tuple[str, str], ...] = (
    ("becomes another user", r"\b(sudo|doas|su|pkexec)\b"),
    ("changes the remote repository", r"\bgit\b.*\b(push|remote|config\s+--(global|system))\b"),
    ("deletes outside the worktree", r"\brm\b.*\s(/|~|\$HOME|\.\.)"),
    ("runs what it downloads", r"\b(curl|wget)\b[^;&]*\|\s*(ba|z|da)?sh\b"),
    ("reaches another machine", r"\b(ssh|scp|sftp|rsync|telnet)\b"),
    ("stops the machine", r"\b(shutdown|reboot|halt|poweroff|mkfs\S*)\b"),
    ("writes to a device", r"\bdd\b.*\bof=/dev/|>\s*/dev/(sd|nvme|vd)"),
)


def decide(request: ApprovalRequest, located: PurePath | None) -> Decision:
    """Grant writes inside the worktree and ordinary commands; refuse the rest.

    `located` is the subject's path inside the worktree with links followed, None when it is outside.
    """
    if request.kind is ActionKind.WRITE:
        return _decide_write(located)
    if request.kind is ActionKind.COMMAND:
        return _decide_command(request.subject)
    return Decision(False, "deny: no rule knows this kind of request")


def _decide_write(located: PurePath | None) -> Decision:
    if located is None:
        return Decision(False, "deny: write outside the worktree")
    if located.parts and located.parts[0] == ".git":
        return Decision(False, "deny: write into .git")
    return Decision(True, "allow: write inside the worktree")


def _decide_command(line: str) -> Decision:
    for reason, pattern in _REFUSED_COMMANDS:
        if re.search(pattern, line):
            return Decision(False, f"deny: command {reason}")
    return Decision(True, "allow: command in the worktree")
