"""Where a database is: a file of SQLite's, or an address of PostgreSQL's, which holds a secret."""

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from kyros.infra.db.errors import DatabaseUrlRefused

_SCHEMES = frozenset({"postgresql", "postgres", "postgresql+psycopg"})


@dataclass(frozen=True)
class PostgresPlace:
    """`url` holds the password: nothing but the driver sees it."""

    url: URL = field(repr=False)

    @property
    def name(self) -> str:
        """As people know it; no secret."""
        return f"{self.url.database or self.url.username or 'postgres'} on {self.url.host or 'this machine'}"

    def __str__(self) -> str:
        return f"PostgreSQL {self.name}"


Place = Path | PostgresPlace


def place_of(url: str, path: Path) -> Place:
    """The file at `path` when no URL is set. Raises DatabaseUrlRefused, which never shows the URL."""
    if not url:
        return path
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.drivername not in _SCHEMES:
        raise DatabaseUrlRefused(
            "KYROS_DATABASE_URL cannot be used: write it as postgresql://USER:PASSWORD@HOST/DATABASE, signs "
            "like @ and / in the password percent-encoded, or leave it empty for SQLite in the home."
        )
    return PostgresPlace(parsed.set(drivername="postgresql+psycopg"))
