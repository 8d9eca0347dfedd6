"""What a terminal was sent, as plain text: escape sequences and overwritten lines taken out. Pure."""

import re

_SEQUENCE = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # a title and other commands to the terminal
    r"|\x1b[PX^_].*?\x1b\\"
    r"|\x1b\[[0-?]*[ -/]*(?:[@-~]|\Z)"
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_REWRITTEN = re.compile(r"[^\n]*\r(?!\n)")


def plain(text: str) -> str:
    """Lines as they stood in the end, without colours; blank ones at both ends are dropped."""
    shown = _SEQUENCE.sub("", text).replace("\r\n", "\n")
    shown = _UNSEEN.sub("", _REWRITTEN.sub("", shown))
    return "\n".join(line.rstrip() for line in shown.split("\n")).strip("\n")
