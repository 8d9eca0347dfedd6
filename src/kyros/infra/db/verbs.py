"""What stores see of the database: the two verbs, written SQL, topics, and the tables' one home."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from sqlalchemy import BigInteger, Connection, CursorResult, Integer, MetaData

T = TypeVar("T")
Work = Callable[[Connection], T]
Listener = Callable[[Iterable[str]], None]

metadata = MetaData()
"""Every room's tables hang here; Alembic compares it with the migrations."""

BIG_INTEGER = BigInteger().with_variant(Integer(), "sqlite")
"""For numbers that grow for ever. SQLite's integers are large enough as they are, and only a plain one
becomes its row number."""

_MARK = re.compile(r"'[^']*'|\?|%")


class Database(Protocol):
    """The two verbs, on whichever database. `listener` is told the topics of each commit."""

    listener: Listener

    async def read(self, work: Work[T]) -> T: ...

    async def write(self, work: Work[T]) -> T: ...

    def close(self) -> None: ...


def touch(connection: Connection, topic: str) -> None:
    """Announce `topic` to the listener once the running transaction is on the disk."""
    connection.info.setdefault("topics", set()).add(topic)


def prepared(
    connection: Connection, statement: str, values: Sequence[Any] = ()
) -> CursorResult[*tuple[Any, ...]]:
    """Run written SQL, `?` for each value, the same on every database."""
    return connection.exec_driver_sql(_spelled(connection, statement), tuple(values))


class Rows:
    """What a statement found, as the driver's own tuples."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.all())  # a cursor half read would hold its statement, and that the savepoint

    def all(self) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._cursor.fetchall()
        return found

    def first(self) -> tuple[Any, ...] | None:
        """The others are dropped. Only of a statement that gives rows."""
        found: tuple[Any, ...] | None = self._cursor.fetchone()
        self._cursor.close()
        return found

    def value(self) -> Any:
        """The first column of the first row. Raises LookupError where there is none."""
        found = self.first()
        if found is None:
            raise LookupError("the statement found nothing")
        return found[0]

    @property
    def count(self) -> int:
        """How many rows were changed."""
        return int(self._cursor.rowcount)


def swiftly(connection: Connection, statement: str, values: Sequence[Any] = ()) -> Rows:
    """As `prepared`, past SQLAlchemy, whose results cost several times what the database does: for the few
    statements that every request runs."""
    cursor = _raw(connection).cursor()
    cursor.execute(_spelled(connection, statement), values)
    return Rows(cursor)


def prepared_many(connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run written SQL once for each row of values."""
    if rows:
        cursor = _raw(connection).cursor()
        cursor.executemany(_spelled(connection, statement), rows)
        cursor.close()


def _raw(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def _spelled(connection: Connection, statement: str) -> str:
    return statement if connection.dialect.paramstyle == "qmark" else _with_percent_marks(statement)


@lru_cache(maxsize=2_000)
def _with_percent_marks(statement: str) -> str:
    """`?` becomes `%s` and `%` becomes `%%`; a `?` inside quotes stays."""

    def spelled(found: re.Match[str]) -> str:
        return "%s" if found[0] == "?" else found[0].replace("%", "%%")

    return _MARK.sub(spelled, statement)
