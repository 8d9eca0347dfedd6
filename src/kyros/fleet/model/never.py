"""What no rule can allow an agent. Pure.

A command is judged by its words as a shell would read them: what stands in a quoted argument is only talk,
unless the program runs its arguments (`sh -c`, `env`, `xargs`, `find -exec` …) or what it runs is not known
before (`$X y`, a download piped to a shell). A line that cannot be taken apart is cut wherever a command may
begin. Each word is looked at once, so that a long line costs no more than its length.
"""

import re
import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath

from kyros.drivers.model import ActionKind, ApprovalRequest
from kyros.fleet.model.hosts import host_of, is_metadata, names_metadata
from kyros.fleet.model.shell import read_shell

LONGEST_SIGNS = 10_000
"""Nothing longer is judged: it is denied."""

_OTHER_USER = frozenset({"sudo", "doas", "su", "pkexec"})
_OTHER_MACHINE = frozenset({"ssh", "scp", "sftp", "rsync", "telnet"})
_STOPPERS = frozenset({"shutdown", "reboot", "halt", "poweroff"})
_FETCHERS = frozenset({"curl", "wget"})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "eval"})
_RUNNERS = {
    "env": "uC", "xargs": "adEILnPs", "nice": "n", "timeout": "ks", "time": "fo", "stdbuf": "ioe",
    "ionice": "cnp", "flock": "wE", "parallel": "jnN", "watch": "n", "exec": "a", "nohup": "", "setsid": "",
    "command": "", "builtin": "", "busybox": "",
}  # fmt: skip
"""Programs that run what follows, and their short options that take a value."""
_CODE_OPTIONS = {"python": "c", "perl": "eE", "ruby": "e", "node": "ep", "php": "r"}
_FIND_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_GIT_REMOTE = frozenset({"push", "remote", "send-pack"})
_GIT_VALUES = frozenset({"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--config-env"})
_GIT_TOLD = re.compile(r"\b(alias|push|remote)\b")
_GIT_RUNS = frozenset({"submodule", "rebase", "bisect", "filter-branch", "subtree", "lfs"})
_HARMLESS_DEVICES = re.compile(r"/dev/(null|zero|full|random|urandom|tty|stdin|stdout|stderr|fd/\d+)")
_ASSIGNED = re.compile(r"\w+\+?=")
_REDIRECTED = re.compile(r"\d*&?[<>]+[&|]?")
_HOMES = ("~", "$HOME", "${HOME}")
_DURATION = re.compile(r"[\d.]+[smhd]?")
_PIPED_TO_SHELL = re.compile(r"\|&?\s*(?:/usr)?(?:/bin/)?(?:ba|z|da|k)?sh\b")
_TO_DISK = re.compile(r">\s*/dev/(sd|nvme|vd)")
_SHELL_COMMAND = re.compile(r"-[A-Za-z]*c[A-Za-z]*")
_CUTS = re.compile(r"[;&|()<>{}\n`'\"]+")
_WORDS = re.compile(r"[^\w./~$=:-]+")
_DEEPEST = 5


@dataclass(frozen=True)
class Place:
    """Where a path of the agent's lies. `inside`: relative to the worktree, links followed; None when
    outside. `absolute`: as written, made plain."""

    inside: PurePath | None
    absolute: str


Locate = Callable[[str], Place]


def never(request: ApprovalRequest, paths: Sequence[str], locate: Locate) -> str | None:
    """Why no rule can allow it. `paths` are those that a request to write names."""
    subject = request.subject
    if len(subject) > LONGEST_SIGNS:
        return f"{request.kind} too long to be judged"
    if request.kind is ActionKind.WRITE:
        return next((why for path in paths if (why := _never_written(locate(path)))), None)
    if request.kind is ActionKind.COMMAND:
        return _never_run(subject, locate)
    if request.kind is not ActionKind.READ and (is_metadata(host_of(subject)) or names_metadata(subject)):
        return "network to a metadata service or a link-local address"
    return None


def is_harmless(path: str) -> bool:
    """A device that anybody may read and write."""
    return _HARMLESS_DEVICES.fullmatch(path) is not None


def _never_written(place: Place) -> str | None:
    if place.inside is None:
        return "write outside the worktree"
    if any(part.lower() == ".git" for part in place.inside.parts):
        return "write into .git"
    return None


class _Never(Exception):
    """Its text says what the command does."""


def _never_run(line: str, locate: Locate) -> str | None:
    line = line.replace("\\\n", "")
    try:
        _check_line(line, locate, 0)
    except _Never as why:
        return f"command {why}"
    read = read_shell(line)
    spelled = (line, *(" ".join(_split(one)) for one in read.commands)) if read else (line,)
    if any(map(names_metadata, spelled)):
        return "command reaches a metadata service or a link-local address"
    written = [one.target for one in read.redirects if one.writes] if read else []
    reasons = (_never_written(locate(path)) for path in written if not is_harmless(path))
    return next((f"command with a {why}" for why in reasons if why), None)


def _check_line(line: str, locate: Locate, depth: int) -> None:
    """A line within a line (`sh -c …`) is a line of its own."""
    read = read_shell(line)
    if read is None and _TO_DISK.search(line):
        raise _Never("writes to a device")
    commands = [_split(one) for one in (read.commands if read else _CUTS.split(line))]
    if _PIPED_TO_SHELL.search(line):
        if any(_FETCHERS.intersection(map(_name, words)) for words in commands):
            raise _Never("runs what it downloads")
        _check_words(_loose(line), locate)
    for words in commands:
        _check_command(words, locate, depth)


def _check_command(words: Sequence[str], locate: Locate, depth: int) -> None:
    """One command, and what it runs in its turn."""
    if depth > _DEEPEST:
        raise _Never("hides what it runs")
    words = _from_program(words)
    if not words:
        return
    program = _name(words[0])
    if "$" in program or "`" in program:
        _check_words(_loose(" ".join(words)), locate)
    _check_program(words, locate)
    for line in _lines_in(program, words):
        _check_line(line, locate, depth + 1)
    for inner in _commands_in(program, words):
        _check_command(inner, locate, depth + 1)
    for code in _code_in(program, words):
        _check_words(_loose(code), locate)


def _check_program(words: Sequence[str], locate: Locate) -> None:
    program = _name(words[0])
    _check_name(program)
    for word in words[1:]:
        _check_argument({program}, word, locate)
    if program == "git":
        _check_git(words)


def _check_words(words: Sequence[str], locate: Locate) -> None:
    """Any of them may be a program, and those behind it its arguments."""
    seen: set[str] = set()
    for word in words:
        _check_argument(seen, word, locate)
        if "git" in seen and word in _GIT_REMOTE:
            raise _Never("changes the remote repository")
        name = _name(word) if word.startswith("/") else word
        _check_name(name)
        seen.add(name)


def _check_name(program: str) -> None:
    if program in _OTHER_USER:
        raise _Never("becomes another user")
    if program in _OTHER_MACHINE:
        raise _Never("reaches another machine")
    if program in _STOPPERS or program.startswith("mkfs"):
        raise _Never("stops the machine")


def _check_argument(programs: Collection[str], word: str, locate: Locate) -> None:
    if "rm" in programs and _is_outside(word, locate):
        raise _Never("deletes outside the worktree")
    if "dd" in programs and word.startswith("of=/dev/") and not is_harmless(word[3:]):
        raise _Never("writes to a device")
    if "systemctl" in programs and word in _STOPPERS:
        raise _Never("stops the machine")
    if not _FETCHERS.isdisjoint(programs) and is_metadata(host_of(word)):
        raise _Never("reaches a metadata service or a link-local address")


def _check_git(words: Sequence[str]) -> None:
    """Its subcommand stands behind options of its own; one of them may name another by `alias`."""
    at = 1
    while at < len(words) and words[at].startswith("-"):
        value = "".join(words[at + 1 : at + 2]) if words[at] in _GIT_VALUES else None
        if value is not None and words[at] != "-C" and _GIT_TOLD.search(value):
            raise _Never("changes the remote repository")
        at += 1 if value is None else 2
    subcommand, rest = "".join(words[at : at + 1]), words[at + 1 :]
    is_shared = subcommand == "config" and ("--global" in rest or "--system" in rest)
    runs_it = subcommand in _GIT_RUNS and not _GIT_REMOTE.isdisjoint(_loose(" ".join(rest)))
    if subcommand in _GIT_REMOTE or is_shared or runs_it:
        raise _Never("changes the remote repository")


def _is_outside(word: str, locate: Locate) -> bool:
    if word.startswith(_HOMES):
        return True
    return (word.startswith("/") or ".." in word.split("/")) and locate(word).inside is None


def _lines_in(program: str, words: Sequence[str]) -> Iterator[str]:
    """What a shell is told to run."""
    if program == "eval":
        yield " ".join(words[1:])
    elif program in _SHELLS:
        told = next((at for at, word in enumerate(words) if _SHELL_COMMAND.fullmatch(word)), len(words))
        yield from (word for word in words[told + 1 :] if not word.startswith("-"))
    elif program in _RUNNERS:
        yield from (words[at] for at in _starts(_RUNNERS[program], words) if " " in words[at])
    elif program == "git" and not _GIT_RUNS.isdisjoint(words):
        yield from (word for word in words[1:] if " " in word)


def _commands_in(program: str, words: Sequence[str]) -> Iterator[Sequence[str]]:
    """What a program is told to run in its turn."""
    if program == "find":
        starts = [at + 1 for at, word in enumerate(words) if word in _FIND_RUNS]
        for begun, end in pairwise([*starts, len(words) + 1]):
            yield words[begun : end - 1]
    elif program in _RUNNERS:
        for at in _starts(_RUNNERS[program], words):
            yield words[at:]
    elif program == "git" and "git" in words[1:]:
        yield words[words.index("git", 1) :]


def _starts(with_value: str, words: Sequence[str]) -> Iterator[int]:
    """Where the program may stand that a runner runs: behind its options, assignments and times. A long
    option may or may not take the word behind it: both are looked at."""
    at = 1
    while at < len(words):
        word = words[at]
        if word.startswith("--") and "=" not in word and len(word) > 2:
            if at + 1 < len(words):
                yield at + 1
            at += 2
        elif word.startswith("-"):
            at += 2 if len(word) == 2 and word[1] in with_value else 1
        elif _DURATION.fullmatch(word) or _ASSIGNED.match(word):
            at += 1
        else:
            yield at
            return


def _code_in(program: str, words: Sequence[str]) -> Iterator[str]:
    """What an interpreter is told to run."""
    letters = _CODE_OPTIONS.get(program.rstrip("0123456789."))
    if letters is None:
        return
    for option, code in pairwise(words[1:]):
        if not option.startswith("-") or option == "-m":
            return
        if option[-1] in letters:
            yield code


def _from_program(words: Sequence[str]) -> Sequence[str]:
    """Behind assignments and redirections; an assigned `$(…)` may hold spaces."""
    at = 0
    while at < len(words):
        word = words[at]
        if _ASSIGNED.match(word):
            is_open = word.count("(") - word.count(")")
            while is_open > 0 and at + 1 < len(words):
                at += 1
                is_open += words[at].count("(") - words[at].count(")")
            at += 1
        elif redirected := _REDIRECTED.match(word):
            at += 2 if redirected[0] == word else 1
        else:
            break
    return words[at:]


def _name(word: str) -> str:
    return word.rsplit("/", 1)[-1]


def _loose(text: str) -> Sequence[str]:
    return [word for word in _WORDS.split(text) if word]


def _split(command: str) -> Sequence[str]:
    """Its words as a shell would read them: `s"u"do` is `sudo`."""
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()
