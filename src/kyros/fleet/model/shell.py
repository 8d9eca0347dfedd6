"""What a line of shell would run, read without running it. Pure.

A line is taken apart into its single commands: at `;`, `&`, `|`, newlines and parentheses, and wherever one
is put into another (`$(…)`, backticks, `<(…)`). What needs a shell to be understood (here-documents, `$'…'`,
arithmetic, quotes that do not close) is not understood here either: the answer is None, a person is asked.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_LONGEST = 10_000
_DEEPEST = 20
_MOST_COMMANDS = 200
_REDIRECT = re.compile(r"&>>?|>>|>\||>&|<&|<>|>|<")
_DESCRIPTOR = re.compile(r"(\d+|-)(?=[\s;|&()<>]|$)")
_PLAIN_WORD = re.compile(r"[\w./+@%:,=-]+|'[\w ./+@%:,=-]+'|\"[\w ./+@%:,=-]+\"")
_PLAIN_TICKS = re.compile(r"`([^`\\'\"]*)`")
_PLAIN_BRACES = re.compile(r"\$\{[^}'\"`$\\]*\}")
_HEADS = re.compile(r"(?:(?:if|then|elif|else|do|while|until|time|!|\{|\})(?=[\s])\s*)+")
_RUNS_NOTHING = re.compile(r"(?:fi|done|esac|do|then|else|\{|\}|for\s+\w+(?:\s+in\b.*)?)", re.DOTALL)
_ASSIGNED = re.compile(r"(?:\w+=(?:'[^']*'|\"[^\"]*\"|[^\s'\"]*)\s+)+")


@dataclass(frozen=True)
class Redirect:
    """`target` is a path; `writes` is False where it is only read."""

    target: str
    writes: bool


@dataclass(frozen=True)
class ShellLine:
    """The single commands of a line as written, and the files it names as their input and output."""

    commands: Sequence[str]
    redirects: Sequence[Redirect]


class _Unclear(Exception):
    """Only a shell could tell."""


def read_shell(line: str) -> ShellLine | None:
    """None: it cannot be told what it runs."""
    if len(line) > _LONGEST or "\0" in line:
        return None
    reader = _Reader(line)
    try:
        reader.read_until("")
    except _Unclear:
        return None
    if len(reader.commands) > _MOST_COMMANDS:
        return None
    return ShellLine(tuple(reader.commands), tuple(reader.redirects))


def without_assignments(command: str) -> str:
    """`A=1 make` is `make`."""
    found = _ASSIGNED.match(command)
    return command[found.end() :] if found else command


@dataclass
class _Reader:
    text: str
    at: int = 0
    depth: int = 0
    commands: list[str] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)

    def read_until(self, end: str) -> None:
        """All commands up to the sign that ends them; "" is the end of the text."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _Unclear
        begun = self.at
        while (sign := self._sign()) != end:
            if not sign:
                raise _Unclear
            if sign in ";\n|" or (sign == "&" and self._next() != ">"):
                self._take(begun)
                self.at += 1
                begun = self.at
            elif sign == "(":
                self._take(begun)
                self._within(1, ")")
                begun = self.at
            else:
                self._pass(sign, begun)
        self._take(begun)
        self.depth -= 1

    def _pass(self, sign: str, begun: int) -> None:
        """Over one thing that belongs to the command in hand."""
        if sign == ")":
            raise _Unclear
        if sign == "#" and (self.at == begun or self.text[self.at - 1] in " \t"):
            self._blank_comment()
        elif sign in "<>&":
            self._redirect()
        elif sign == "'":
            self._skip_to("'")
        elif sign == '"':
            self._quoted()
        else:
            self._inner(sign)

    def _inner(self, sign: str) -> None:
        """What means the same within double quotes and outside."""
        ahead = self.text[self.at : self.at + 3]
        if sign == "\\":
            if len(ahead) < 2:
                raise _Unclear
            self.at += 2
        elif sign == "`":
            self._ticks()
        elif ahead.startswith(("$((", "$'", '$"', "$[")):
            raise _Unclear
        elif ahead.startswith("$("):
            self._within(2, ")")
        elif ahead.startswith("${"):
            if (braces := _PLAIN_BRACES.match(self.text, self.at)) is None:
                raise _Unclear
            self.at = braces.end()
        else:
            self.at += 1

    def _quoted(self) -> None:
        self.at += 1
        while (sign := self._sign()) != '"':
            if not sign:
                raise _Unclear
            if self.text.startswith('$"', self.at) or self.text.startswith("$'", self.at):
                self.at += 1  # a plain dollar sign at the end of what is quoted, or before a plain quote
            else:
                self._inner(sign)
        self.at += 1

    def _ticks(self) -> None:
        found = _PLAIN_TICKS.match(self.text, self.at)
        if found is None:
            raise _Unclear
        inner = _Reader(found[1], depth=self.depth)
        inner.read_until("")
        self.commands += inner.commands
        self.redirects += inner.redirects
        self.at = found.end()

    def _redirect(self) -> None:
        if self.text.startswith("<<", self.at):
            raise _Unclear
        if self.text.startswith(("<(", ">("), self.at):
            return self._within(2, ")")
        found = _REDIRECT.match(self.text, self.at)
        assert found is not None, "it begins with one of its signs"
        self.at = found.end()
        if found[0] in (">&", "<&") and (number := _DESCRIPTOR.match(self.text, self.at)):
            self.at = number.end()
            return None
        while self._sign() in (" ", "\t"):
            self.at += 1
        word = _PLAIN_WORD.match(self.text, self.at)
        if word is None or (self.text[word.end() : word.end() + 1] or " ") not in " \t\n;|&()<>":
            raise _Unclear
        self.redirects.append(Redirect(word[0].strip("'\""), found[0] not in ("<", "<&")))
        self.at = word.end()
        return None

    def _within(self, opening: int, end: str) -> None:
        self.at += opening
        self.read_until(end)
        self.at += 1

    def _skip_to(self, quote: str) -> None:
        end = self.text.find(quote, self.at + 1)
        if end < 0:
            raise _Unclear
        self.at = end + 1

    def _blank_comment(self) -> None:
        """A comment is no part of the command before it."""
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        self.text = self.text[: self.at] + " " * (end - self.at) + self.text[end:]
        self.at = end

    def _take(self, begun: int) -> None:
        command = self.text[begun : self.at].replace("\\\n", " ").strip(" \t\n")
        if head := _HEADS.match(command):
            command = command[head.end() :]
        if command and not _RUNS_NOTHING.fullmatch(command):
            self.commands.append(command)

    def _sign(self) -> str:
        return self.text[self.at : self.at + 1]

    def _next(self) -> str:
        return self.text[self.at + 1 : self.at + 2]
