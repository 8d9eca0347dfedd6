"""A program in a pseudo-terminal: start, bytes in and out, the end of its process group."""

import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from kyros.drivers.adapters.endings import program_exit
from kyros.drivers.adapters.group import stop_group

# A session leader that opens a terminal gets it as its controlling one. The shell does that and
# becomes the program, which spares us a preexec_fn: that may deadlock in a process with threads.
_TAKE_TERMINAL = 'terminal=$1; shift; exec "$@" <>"$terminal" >&0 2>&0'
_READ_BYTES = 65_536
_READS_AT_ONCE = 64
_DRAIN_SECONDS = 0.2


class Pty:
    """`on_bytes` gets what the program prints, `on_gone` is called once when it has ended."""

    def __init__(self, on_bytes: Callable[[bytes], None], on_gone: Callable[[], None]) -> None:
        self._on_bytes = on_bytes
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        self._master = -1
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._unsent = bytearray()
        self._is_confined = self._is_gone = False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The program's own: negative when a signal ended it, None while it lives."""
        return None if self._process is None else program_exit(self._process.returncode, self._is_confined)

    async def start(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        columns: int,
        rows: int,
        is_confined: bool = False,
    ) -> None:
        """`is_confined`: the program stands behind words that confine it. Raises OSError when it cannot be
        started."""
        self._is_confined = is_confined
        self._master, slave = os.openpty()
        try:
            _prepare(slave, columns, rows)
            self._process = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", _TAKE_TERMINAL, "sh", os.ttyname(slave), *argv,
                cwd=cwd, env=env, start_new_session=True, stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            await self._wait_until_taken()
        except BaseException:
            os.close(self._master)
            if self._process is not None:
                await stop_group(self._process.pid, grace_seconds=0)
            raise
        finally:
            os.close(slave)
        os.set_blocking(self._master, False)
        self._loop.add_reader(self._master, self._read)
        self._watcher = asyncio.create_task(self._watch())

    def write(self, data: bytes) -> None:
        """Queue bytes for the program's keyboard; they go out as fast as it reads."""
        if not self._is_gone:
            self._unsent += data
            self._flush()

    def resize(self, columns: int, rows: int) -> None:
        """The program hears of it by SIGWINCH."""
        if not self._is_gone:
            _set_size(self._master, columns, rows)

    async def stop(self) -> None:
        """End the program and its process group; idempotent."""
        if self._process is None:
            return
        await stop_group(self.pid)
        await self._process.wait()
        self._gone()
        if self._watcher is not None:
            self._watcher.cancel()

    async def _wait_until_taken(self) -> None:
        """Hold our end of the slave until the program has its own, or the terminal would hang up."""
        assert self._process is not None
        while self._process.returncode is None and not _has_session(self._master):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.001)

    def _read(self) -> None:
        chunks = []
        closed = False
        for _ in range(_READS_AT_ONCE):
            try:
                chunk = os.read(self._master, _READ_BYTES)
            except BlockingIOError:
                break
            except OSError:  # EIO: nobody has the terminal open any more
                chunk = b""
            if not chunk:
                closed = True
                break
            chunks.append(chunk)
        if chunks:
            self._on_bytes(b"".join(chunks))
        if closed:
            self._loop.remove_reader(self._master)
            self._loop.remove_writer(self._master)

    def _flush(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: os.write(self._master, self._unsent)]
        except BlockingIOError:
            self._loop.add_writer(self._master, self._flush)
            return
        except OSError:  # the program is gone; the watcher says so
            self._unsent.clear()
        self._loop.remove_writer(self._master)

    async def _watch(self) -> None:
        """The program's own end counts, not the terminal's: what it left behind may keep that open."""
        assert self._process is not None
        await self._process.wait()
        await asyncio.sleep(_DRAIN_SECONDS)
        self._gone()

    def _gone(self) -> None:
        if self._is_gone:
            return
        self._is_gone = True
        with suppress(OSError):
            self._read()
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        os.close(self._master)
        self._on_gone()


def _prepare(slave: int, columns: int, rows: int) -> None:
    """Keys one by one and unechoed: a line-wise terminal would cut a prompt at 4,096 bytes. Output
    keeps its line ends and Ctrl-C stays an interrupt, for programs that set nothing of their own."""
    mode = termios.tcgetattr(slave)
    mode[3] &= ~(termios.ICANON | termios.ECHO)
    mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
    termios.tcsetattr(slave, termios.TCSANOW, mode)
    _set_size(slave, columns, rows)


def _set_size(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _has_session(master: int) -> bool:
    """Whether some session has the terminal as its controlling one."""
    with suppress(OSError):
        return os.tcgetpgrp(master) > 0
    return False
