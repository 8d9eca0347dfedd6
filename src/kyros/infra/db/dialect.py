"""What one database does its own way, and a connection kept for one thread."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Engine


@dataclass(frozen=True)
class Line:
    """One connection: SQLAlchemy's, and the driver's underneath, which stays known when it breaks."""

    connection: Connection
    raw: Any

    def close(self) -> None:
        """Without a word to the other side first: a broken one could not be told."""
        with suppress(Exception):
            self.connection.invalidate()
            self.connection.close()


class Dialect(Protocol):
    """One database's own ways. Only `named` and `close` never raise the driver's errors."""

    engine: Engine
    begin_reading: str
    begin_writing: str
    """With the savepoint `one`."""

    @property
    def name(self) -> str:
        """As people know it; no secret."""
        ...

    def open_reader(self) -> Line: ...

    def open_writer(self) -> Line: ...

    def run(self, line: Line, sql: str) -> None:
        """One statement without values or several, `; ` between them; not prepared."""
        ...

    def check(self, line: Line) -> None:
        """Raise what is left of a refusal that the work itself has swallowed."""
        ...

    def in_transaction(self, line: Line) -> bool: ...

    def is_lost(self, line: Line) -> bool:
        """The connection is gone, with whatever was not committed on it."""
        ...

    def announce(self, line: Line, topics: set[str]) -> None:
        """Tell other processes once the running transaction is committed, which is the next thing to do.
        Raises when the connection has broken by now."""
        ...

    def named(self, error: Exception) -> Exception:
        """The kernel's error for a driver's; any other error as it is."""
        ...

    def close(self) -> None: ...


class Kept:
    """A thread's connection: opened when first needed, and anew after it was lost."""

    def __init__(self, dialect: Dialect, open_line: Callable[[], Line]) -> None:
        self._dialect, self._open = dialect, open_line
        self._line: Line | None = None

    @property
    def is_lost(self) -> bool:
        return self._line is not None and self._dialect.is_lost(self._line)

    def begin(self, sql: str) -> Line:
        """A transaction on it. One that was lost while idle costs nobody anything."""
        if self._line is not None:
            try:
                self._dialect.run(self._line, sql)
                return self._line
            except Exception:
                if not self.is_lost:
                    raise
                self.close()
        self._line = self._open()
        self._dialect.run(self._line, sql)
        return self._line

    def end(self, how: str) -> None:
        """COMMIT or ROLLBACK whatever runs; should that fail, the connection goes."""
        if self._line is None:
            return
        try:
            if self._dialect.in_transaction(self._line):
                self._dialect.run(self._line, how)
        except Exception:  # nothing is lost with it: who must know of a failed commit runs it themselves
            self.close()
            return
        if self.is_lost:
            self.close()

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
