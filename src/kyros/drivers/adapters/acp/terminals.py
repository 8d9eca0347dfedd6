"""Commands that a program has us run: in its worktree, with its environment, within its sandbox."""

import asyncio
import os
import re
import secrets
import shlex
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from pathlib import Path

from kyros.drivers.adapters.acp.wire import INTERNAL_ERROR, INVALID_PARAMS, NOT_FOUND, Refused
from kyros.drivers.adapters.bounds import SUBJECT_SIGNS, clean, word
from kyros.drivers.adapters.child import Pipe
from kyros.drivers.adapters.endings import exit_evidence
from kyros.drivers.adapters.group import stop_group
from kyros.drivers.adapters.messages import Event, items, text_of, whole

_TERMINALS = 32
_KEPT_BYTES = 1_000_000
_DRAIN_SECONDS = 1.0
_WITHIN = 'cd "$1" && shift && exec env -- "$@"'
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHELL_SIGNS = frozenset(" \t\n|&;<>()$`\\\"'*?[]#~=%{}!")


class Terminals:
    """Of one session; `stop` ends them all."""

    def __init__(self, cwd: Path, env: Mapping[str, str], prefix: Sequence[str]) -> None:
        self._cwd = cwd.resolve()
        self._env = env
        self._prefix = prefix
        self._open: dict[str, Terminal] = {}

    async def create(self, params: Event) -> Event:
        if len(self._open) >= _TERMINALS:
            raise Refused(INTERNAL_ERROR, f"{_TERMINALS} terminals are open: release one first.")
        folder, given, command = self._folder(params), _given(params), _arguments(params)
        try:
            terminal = await self._start(folder, given, command, _limit(params))
        except (OSError, ValueError) as error:
            raise Refused(INTERNAL_ERROR, f"The command could not be started: {error}.") from error
        name = f"term_{secrets.token_hex(8)}"
        self._open[name] = terminal
        return {"terminalId": name}

    async def _start(
        self, folder: Path, given: Mapping[str, str], command: Sequence[str], limit: int
    ) -> "Terminal":
        """What the program wants set is set behind the prefix: its words are programs of ours, outside the
        sandbox, and the sandbox has a folder of its own."""
        if not self._prefix:
            return await Terminal.start(command, folder, {**self._env, **given}, limit)
        assignments = [f"{name}={value}" for name, value in given.items()]
        argv = [*self._prefix, "/bin/sh", "-c", _WITHIN, "sh", str(folder), *assignments, *command]
        return await Terminal.start(argv, self._cwd, self._env, limit)

    def find(self, params: Event) -> "Terminal":
        """Raises Refused."""
        name = text_of(params.get("terminalId"))
        if name not in self._open:
            raise Refused(NOT_FOUND, f"There is no terminal {word(name)}.")
        return self._open[name]

    def take_out(self, params: Event) -> "Terminal":
        """The terminal, which is known no more. Raises Refused."""
        terminal = self.find(params)
        del self._open[text_of(params.get("terminalId"))]
        return terminal

    async def stop(self) -> None:
        terminals = list(self._open.values())
        self._open.clear()
        await asyncio.gather(*(terminal.stop() for terminal in terminals))

    def _folder(self, params: Event) -> Path:
        folder = Path(os.path.realpath(self._cwd / (text_of(params.get("cwd")) or ".")))
        if not folder.is_relative_to(self._cwd):
            raise Refused(INVALID_PARAMS, f"{folder} is not in the worktree {self._cwd}.")
        return folder


class Terminal:
    """One command and the end of what it printed."""

    def __init__(self, process: Process, output: Pipe, limit: int) -> None:
        self._process = process
        self._output = output
        self._limit = limit
        self._kept = bytearray()
        self._is_cut = False
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, argv: Sequence[str], cwd: Path, env: Mapping[str, str], limit: int) -> "Terminal":
        """Raises OSError or ValueError when it cannot be started."""
        output = Pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, cwd=cwd, env=env, start_new_session=True,
                stdin=DEVNULL, stdout=output.write_end, stderr=output.write_end,
            )  # fmt: skip
        except BaseException:
            output.abandon()
            raise
        await output.connect()
        return cls(process, output, limit)

    def state(self) -> Event:
        """What it printed, without its beginning where that is too much, and how it ended."""
        kept = bytes(self._kept)
        if self._is_cut:
            kept = kept.lstrip(bytes(range(0x80, 0xC0)))  # never begin in the middle of a sign
        code = self._process.returncode
        ended = {} if code is None else {"exitStatus": _status(code)}
        return {"output": kept.decode("utf-8", "replace"), "truncated": self._is_cut, **ended}

    async def wait(self) -> Event:
        """Its end; what it left running may print on."""
        code = await self._process.wait()
        await asyncio.wait({self._reading}, timeout=_DRAIN_SECONDS)
        return _status(code)

    async def kill(self) -> None:
        await stop_group(self._process.pid)

    async def stop(self) -> None:
        await self.kill()
        await self._process.wait()
        self._reading.cancel()
        self._output.close()

    async def _read(self) -> None:
        while chunk := await self._output.read():
            self._kept += chunk
            if len(self._kept) > self._limit:
                self._is_cut = True
                del self._kept[: -self._limit or None]


def line_of(params: Event) -> str:
    """The command line that `terminal/create` asks for, to be judged: with the variables that it sets. Raises
    Refused where nobody can judge it."""
    command, args = text_of(params.get("command")), _args(params)
    assignments = [f"{name}={shlex.quote(value)}" for name, value in _given(params).items()]
    line = " ".join([*assignments, shlex.join([command, *args]) if args else command])
    if clean(line, SUBJECT_SIGNS) != line:
        raise Refused(INVALID_PARAMS, "The command is too long, or no text: put it into a script.")
    return line


def _given(params: Event) -> dict[str, str]:
    """The variables it sets. What we mark our processes with is not for it to set."""
    wanted = {text_of(item.get("name")): text_of(item.get("value")) for item in items(params.get("env"))}
    return {
        name: value
        for name, value in wanted.items()
        if _NAME.fullmatch(name) and "\0" not in value and not name.startswith("KYROS_")
    }


def _args(params: Event) -> list[str]:
    args = params.get("args")
    return [arg for arg in args if isinstance(arg, str)] if isinstance(args, list) else []


def _arguments(params: Event) -> list[str]:
    """Some send a program and its arguments, some a line for the shell."""
    command, args = text_of(params.get("command")), _args(params)
    if not command.strip():
        raise Refused(INVALID_PARAMS, "command is missing: say what is to be run.")
    if not args and _SHELL_SIGNS & set(command):
        return ["/bin/sh", "-c", command]
    if "=" in command:
        raise Refused(INVALID_PARAMS, f"{word(command)} is no program: set variables with env.")
    return [command, *args]


def _limit(params: Event) -> int:
    wanted = whole(params.get("outputByteLimit"))
    return _KEPT_BYTES if wanted is None else min(wanted, _KEPT_BYTES)


def _status(code: int) -> Event:
    if code >= 0:
        return {"exitCode": code, "signal": None}
    return {"exitCode": None, "signal": exit_evidence(code).removeprefix("signal:")}
