"""A child process with pipes that we own: its end is seen even while something it left holds them open."""

import asyncio
import os
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from kyros.drivers.adapters.endings import program_exit
from kyros.drivers.adapters.group import stop_group

READ_BYTES = 65_536


class Child:
    """Founds a process group of its own. `is_confined`: the program stands behind words that confine it."""

    def __init__(self, process: Process, stdout: "Pipe", stderr: "Pipe", is_confined: bool) -> None:
        self._process = process
        self._is_confined = is_confined
        self.stdout = stdout
        self.stderr = stderr

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        stdin: int = DEVNULL,
        is_confined: bool = False,
    ) -> "Child":
        """`stdin` is DEVNULL or PIPE. Raises OSError or ValueError when it cannot be started."""
        stdout, stderr = Pipe(), Pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, cwd=cwd, env=env, start_new_session=True,
                stdin=stdin, stdout=stdout.write_end, stderr=stderr.write_end,
            )  # fmt: skip
        except BaseException:
            stdout.abandon()
            stderr.abandon()
            raise
        await stdout.connect()
        await stderr.connect()
        return cls(process, stdout, stderr, is_confined)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The program's own: negative when a signal ended it, None while it lives."""
        return program_exit(self._process.returncode, self._is_confined)

    async def wait(self) -> None:
        await self._process.wait()

    async def say(self, data: bytes) -> None:
        """A program that hung up misses what we say; its end is noticed elsewhere."""
        stdin = self._process.stdin
        if stdin is None or stdin.is_closing():
            return
        with suppress(ConnectionError):
            stdin.write(data)
            await stdin.drain()

    def send(self, data: bytes) -> None:
        """Like `say`, without waiting until it is taken."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(data)

    @property
    def unsent_bytes(self) -> int:
        """What was said and not taken yet."""
        stdin = self._process.stdin
        return 0 if stdin is None else stdin.transport.get_write_buffer_size()

    def end_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def stop(self) -> None:
        """End the process group and let go of the pipes; idempotent."""
        self.end_input()
        await stop_group(self.pid)
        await self._process.wait()
        self.stdout.close()
        self.stderr.close()


class Pipe:
    """The child writes into `write_end`, we read."""

    def __init__(self) -> None:
        self._read_end, self.write_end = os.pipe()
        self._reader = asyncio.StreamReader()
        self._transport: asyncio.BaseTransport | None = None

    async def connect(self) -> None:
        """Once the child has the write end, it is its alone."""
        os.close(self.write_end)
        self._transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._reader), os.fdopen(self._read_end, "rb", 0)
        )

    async def read(self) -> bytes:
        """What has come, or nothing at the end."""
        return await self._reader.read(READ_BYTES)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abandon(self) -> None:
        """For a child that never came to be."""
        os.close(self._read_end)
        os.close(self.write_end)
