"""Reads TASK.md: which fenced blocks it holds and what each asks for. Pure."""

import re
from dataclasses import dataclass

_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})[ \t]*(.*?)[ \t]*$")
_FILE = re.compile(r"""(?:^|\s)file=(?:"([^"]*)"|'([^']*)'|(\S*))""")


class TaskUnreadable(Exception):
    """TASK.md cannot be carried out as it stands; the message names the line and what to do."""


@dataclass(frozen=True)
class Block:
    """One thing to do; `line` is where its fence opens in TASK.md, counted from 1."""

    line: int
    text: str


@dataclass(frozen=True)
class FileBlock(Block):
    path: str


@dataclass(frozen=True)
class DiffBlock(Block):
    pass


@dataclass(frozen=True)
class RunBlock(Block):
    pass


def parse_blocks(task: str) -> list[Block]:
    """The blocks to carry out, in order; fences that ask for nothing are skipped.

    Line ends may be LF or CRLF. Raises TaskUnreadable for an unclosed fence or a malformed request.
    """
    lines = task.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        opening = _opening(lines[at])
        if opening is None:
            at += 1
            continue
        end = _closing(lines, at, opening)
        block = _block(at + 1, opening.group(3), _content(lines[at + 1 : end], len(opening.group(1))))
        blocks += [block] if block else []
        at = end + 1
    return blocks


def _opening(line: str) -> re.Match[str] | None:
    fence = _FENCE.match(line)
    if fence and fence.group(2)[0] == "`" and "`" in fence.group(3):
        return None  # inline code, as CommonMark has it
    return fence


def _closing(lines: list[str], at: int, opening: re.Match[str]) -> int:
    mark = opening.group(2)
    for number in range(at + 1, len(lines)):
        fence = _FENCE.match(lines[number])
        if fence and not fence.group(3) and fence.group(2)[0] == mark[0] and len(fence.group(2)) >= len(mark):
            return number
    raise TaskUnreadable(
        f"The block that opens on line {at + 1} of TASK.md is never closed: "
        f"end it with a line of {mark} and try again."
    )


def _content(lines: list[str], indent: int) -> str:
    """The block's text; a fence indented by up to three spaces takes as many from each line."""
    inner = [line[min(indent, len(line) - len(line.lstrip(" "))) :] for line in lines]
    return "".join(f"{line}\n" for line in inner)


def _block(line: int, info: str, text: str) -> Block | None:
    words = info.split()
    named = _FILE.search(info)
    if named:
        return FileBlock(line, text, _path(line, named, info))
    if words[1:2] == ["run"]:
        if words[0] != "sh":
            raise TaskUnreadable(
                f"Line {line} of TASK.md asks to run {words[0]}: only `sh run` blocks are executed; "
                f"write ```sh run and call {words[0]} inside it."
            )
        return RunBlock(line, text)
    return DiffBlock(line, text) if words[:1] == ["diff"] else None


def _path(line: int, named: re.Match[str], info: str) -> str:
    path = next(part for part in named.groups() if part is not None)
    if not path:
        raise TaskUnreadable(f"Line {line} of TASK.md has a file= without a path: name the file to write.")
    if info[named.end() :].strip():
        raise TaskUnreadable(
            f"Line {line} of TASK.md has words after the path {path}: "
            'a path with spaces is written file="like this.txt", and nothing follows it.'
        )
    return path
