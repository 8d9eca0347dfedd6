"""Opens the database of a place, whichever it is. PostgreSQL's driver is imported only where it is used."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from kyros.infra.db.place import Place
from kyros.infra.db.sqlite import SqliteDatabase, sqlite_engine

if TYPE_CHECKING:
    from kyros.infra.db.postgres import PostgresDatabase


def open_database(place: Place) -> "SqliteDatabase | PostgresDatabase":
    if isinstance(place, Path):
        return SqliteDatabase(place)
    from kyros.infra.db.postgres import PostgresDatabase

    return PostgresDatabase(place)


def open_engine(place: Place) -> Engine:
    """An engine whose connections begin no transaction of their own accord: for migrations."""
    if isinstance(place, Path):
        return sqlite_engine(place)
    from kyros.infra.db.postgres import postgres_engine

    return postgres_engine(place)
