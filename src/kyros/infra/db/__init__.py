"""One database, two verbs: read and write. Decides how bytes reach the disk, not what they mean.

Writes of a process go through one thread that shares a transaction among all callers waiting at
that moment (group commit); each caller has a savepoint of its own, so one refusal harms nobody.
The same on SQLite (`sqlite.py`) and on PostgreSQL (`postgres.py`).
"""

from kyros.infra.db.errors import (
    DatabaseBusy,
    DatabaseClosed,
    DatabaseFailed,
    DatabaseUnsure,
    DatabaseUrlRefused,
)
from kyros.infra.db.opening import open_database, open_engine
from kyros.infra.db.place import Place, PostgresPlace, place_of
from kyros.infra.db.sqlite import SqliteDatabase
from kyros.infra.db.verbs import (
    BIG_INTEGER,
    Database,
    Rows,
    Work,
    metadata,
    prepared,
    prepared_many,
    swiftly,
    touch,
)

__all__ = [
    "BIG_INTEGER",
    "Database",
    "DatabaseBusy",
    "DatabaseClosed",
    "DatabaseFailed",
    "DatabaseUnsure",
    "DatabaseUrlRefused",
    "Place",
    "PostgresPlace",
    "Rows",
    "SqliteDatabase",
    "Work",
    "metadata",
    "open_database",
    "open_engine",
    "place_of",
    "prepared",
    "prepared_many",
    "swiftly",
    "touch",
]
