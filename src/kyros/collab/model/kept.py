"""How a home keeps the room's state: in files that follow the rows, or in rows alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from kyros.collab.model.state import Kind

MANY_TASKS = 5_000
"""Beyond it files cost each write more than they are worth: a file is written whole."""


class Which(StrEnum):
    FILES = "files"
    SQL = "sql"


@dataclass(frozen=True)
class Kept:
    """What a home has, and where: `folder` is that of the files, used or not."""

    store: Which
    folder: Path
    counts: Mapping[Kind, int]

    @property
    def outgrown(self) -> bool:
        return self.store is Which.FILES and self.counts[Kind.TASKS] > MANY_TASKS

    @property
    def in_words(self) -> str:
        where = f"files in {self.folder}" if self.store is Which.FILES else "rows of the database"
        return f"{where}: {', '.join(f'{count} {kind}' for kind, count in self.counts.items())}"

    @property
    def advice(self) -> str:
        """Empty when all is well."""
        return "More tasks than files are good for: `kyros collab migrate --to sql`." if self.outgrown else ""
