"""Unified diffs: parsed from a block, applied to the folder's files all together or not at all."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kyros.entrypoints.playbook.folder import Folder

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_ESCAPES = {b"n": b"\n", b"t": b"\t"}
_NO_NEWLINE = "\\"
_REFUSED_LINES = ("Binary files ", "GIT binary patch", "new file mode 120000", "new file mode 160000")


class DiffRefused(Exception):
    """The diff cannot be read or does not fit; the message names the file and the hunk."""


@dataclass
class Hunk:
    """`start` is the 1-based line it claims to begin at; lines carry their sign (' ', '-', '+')."""

    start: int
    header: str
    lines: list[str] = field(default_factory=list)
    ends_without_newline: set[str] = field(default_factory=set)

    @property
    def expected(self) -> int:
        """Index of its first old line; a hunk without old lines stands after the line it names."""
        return max(self.start - 1, 0) if self.side(" -") else self.start

    def side(self, signs: str) -> list[str]:
        return [line[1:] for line in self.lines if line[0] in signs]


@dataclass
class FileDiff:
    """What happens to one file; `old` is None when it is made, `new` None when it is removed."""

    old: str | None
    new: str | None
    executable: bool | None = None
    hunks: list[Hunk] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.new or self.old or ""

    def paths(self) -> list[str]:
        return sorted({path for path in (self.old, self.new) if path})


def parse_diff(text: str) -> list[FileDiff]:
    """The files of a diff, in order. Raises DiffRefused."""
    files: list[FileDiff] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith(_REFUSED_LINES):
            raise DiffRefused(
                f"The diff holds something that is no text file ({line}): write it another way."
            )
        if line.startswith("diff --git "):
            files.append(_from_git_header(line))
        elif line.startswith("--- ") and lines[at + 1 : at + 2] and lines[at + 1].startswith("+++ "):
            _name(files, line[4:], lines[at + 1][4:])
            at += 1
        elif line.startswith("@@"):
            at = _read_hunk(files, lines, at)
            continue
        elif files:
            _extended_header(files[-1], line)
        at += 1
    files = [file for file in files if file.hunks or file.old != file.new or file.executable is not None]
    if not files:
        raise DiffRefused("The diff names no file to change: it needs ---, +++ and @@ lines.")
    return files


def apply_diff(files: list[FileDiff], folder: Folder) -> None:
    """Work out every file first, then write; a hunk that does not fit leaves all as it was."""
    results = [(file, _result(file, folder)) for file in files]
    for file, content in results:
        if content is None:
            folder.remove(file.old or "")
            continue
        mode = folder.mode(file.old) if file.old else None
        if file.executable is not None:
            mode = 0o755 if file.executable else 0o644
        folder.write(file.new or "", content, mode)
        if file.old and file.old != file.new:
            folder.remove(file.old)


def _from_git_header(line: str) -> FileDiff:
    """Both names are the same unless the file was renamed, and then `rename from` and `to` follow."""
    names = line.removeprefix("diff --git ")
    middle = len(names) // 2
    old, new = _pair(names[:middle], names[middle + 1 :])
    return FileDiff(old, new) if old == new else FileDiff(None, None)


def _name(files: list[FileDiff], old: str, new: str) -> None:
    paths = _pair(old, new)
    if not files or files[-1].hunks or files[-1].name not in ("", *paths):
        files.append(FileDiff(None, None))
    files[-1].old, files[-1].new = paths


def _pair(old: str, new: str) -> tuple[str | None, str | None]:
    """Two names of a header; a/ and b/ are git's own only where both sides have them."""
    left, right = _path(old), _path(new)
    if (left is None or left.startswith("a/")) and (right is None or right.startswith("b/")):
        return left and left[2:], right and right[2:]
    return left, right


def _extended_header(file: FileDiff, line: str) -> None:
    if line.startswith("new file mode "):
        file.old, file.executable = None, line.endswith("755")
    elif line.startswith("deleted file mode "):
        file.new = None
    elif line.startswith("new mode "):
        file.executable = line.endswith("755")
    elif line.startswith("rename from "):
        file.old = line[12:]
    elif line.startswith("rename to "):
        file.new = line[10:]


def _path(text: str) -> str | None:
    """A path as diffs write it: quoted with octal escapes, or followed by a tab and a date."""
    text = text.rstrip("\r")
    if text.startswith('"') and text.rstrip().endswith('"'):
        text = _ESCAPE.sub(_unescape, text.strip()[1:-1].encode()).decode("utf-8", "replace")
    else:
        text = text.split("\t")[0].rstrip()
    return None if text == "/dev/null" else text


def _unescape(escape: re.Match[bytes]) -> bytes:
    sign = escape.group(1)
    return bytes([int(sign, 8)]) if len(sign) == 3 else _ESCAPES.get(sign, sign)


def _read_hunk(files: list[FileDiff], lines: list[str], at: int) -> int:
    match = _HUNK.match(lines[at])
    if not files or match is None:
        raise DiffRefused(f"The diff has a hunk that cannot be read: {lines[at]}")
    hunk = Hunk(int(match.group(1)), lines[at])
    old_left, new_left = (1 if count is None else int(count) for count in match.groups()[1:])
    files[-1].hunks.append(hunk)
    at += 1
    while at < len(lines) and (old_left > 0 or new_left > 0):
        line = lines[at] or " "  # editors strip the lone space of an empty context line
        if line[0] not in " -+":
            break
        hunk.lines.append(line)
        old_left -= line[0] in " -"
        new_left -= line[0] in " +"
        at = _no_newline(hunk, lines, at + 1)
    if old_left or new_left:
        raise DiffRefused(
            f"The diff of {files[-1].name} does not hold the lines its hunk promises: {hunk.header}"
        )
    return at


def _no_newline(hunk: Hunk, lines: list[str], at: int) -> int:
    if at < len(lines) and lines[at].startswith(_NO_NEWLINE):
        hunk.ends_without_newline.update("-+" if hunk.lines[-1][0] == " " else hunk.lines[-1][0])
        return at + 1
    return at


def _result(file: FileDiff, folder: Folder) -> bytes | None:
    """The file's new bytes, or None when it is to be removed."""
    before = _existing(file, folder)
    lines, newline = before.split("\n"), "\r" if "\r\n" in before else ""
    moved = 0
    for number, hunk in enumerate(file.hunks, 1):
        at = _place(lines, hunk, hunk.expected + moved)
        if at is None:
            raise DiffRefused(
                f"Hunk {number} of {file.name} ({hunk.header}) does not fit: "
                "the lines it wants to change are not there. Nothing of this diff was applied."
            )
        moved = _change(lines, hunk, at, newline) + at - hunk.expected
    after = "\n".join(lines)
    if file.new is None and after:
        raise DiffRefused(f"The diff removes {file.old} but not all its lines; nothing was applied.")
    return None if file.new is None else after.encode("utf-8", "surrogateescape")


def _existing(file: FileDiff, folder: Folder) -> str:
    content = folder.read(file.old or file.name)
    if file.old is None:
        if content:
            raise DiffRefused(f"The diff makes {file.new}, but it is already there; nothing was applied.")
        return ""
    if content is None:
        raise DiffRefused(f"The diff changes {file.old}, but there is no such file; nothing was applied.")
    return content.decode("utf-8", "surrogateescape")


def _place(lines: list[str], hunk: Hunk, expected: int) -> int | None:
    """Where the hunk's old lines stand, nearest to where they are expected."""
    old = hunk.side(" -")
    if not old:
        return min(expected, len(lines) - 1)
    last = len(lines) - len(old)
    return next((at for at in _nearest(expected, last) if _same(lines, old, at)), None)


def _nearest(expected: int, last: int) -> Iterator[int]:
    expected = min(max(expected, 0), max(last, 0))
    for distance in range(max(expected, last - expected) + 1):
        for at in dict.fromkeys((expected - distance, expected + distance)):
            if 0 <= at <= last:
                yield at


def _same(lines: list[str], old: list[str], at: int) -> bool:
    return all(have.rstrip("\r") == want.rstrip("\r") for have, want in zip(lines[at:], old, strict=False))


def _change(lines: list[str], hunk: Hunk, at: int, newline: str) -> int:
    """Replace the hunk's old lines by its new ones; kept lines stay as they are. Returns the growth."""
    old = lines[at : at + len(hunk.side(" -"))]
    fresh: list[str] = []
    for line in hunk.lines:
        if line[0] != "+":
            kept = old.pop(0)
            fresh += [kept] if line[0] == " " else []
        else:
            fresh.append(line[1:].rstrip("\r") + newline if newline else line[1:])
    size = len(hunk.side(" -"))
    lines[at : at + size] = fresh
    _mend_end(lines, hunk, at + len(fresh))
    return len(fresh) - size


def _mend_end(lines: list[str], hunk: Hunk, end: int) -> None:
    """`lines` is split at newlines, so a file that ends with one has an empty last entry."""
    if "+" in hunk.ends_without_newline and lines[end:] == [""]:
        lines.pop()
    elif "-" in hunk.ends_without_newline and "+" not in hunk.ends_without_newline and end == len(lines):
        lines.append("")
