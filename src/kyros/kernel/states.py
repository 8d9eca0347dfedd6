"""State tables: which moves exist, and the refusal that names the allowed ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from kyros.kernel.errors import Conflict

S = TypeVar("S", bound=StrEnum)


class MoveRefused(Conflict):
    code = "move_refused"


@dataclass(frozen=True)
class StateTable(Generic[S]):
    """The moves of one kind of thing. A state without moves is final."""

    what: str
    moves: Mapping[S, frozenset[S]]

    def is_final(self, state: S) -> bool:
        return not self.moves[state]

    def check(self, old: S, new: S) -> None:
        """Raise MoveRefused unless the table has the move."""
        if new in self.moves[old]:
            return
        allowed = ", ".join(sorted(self.moves[old])) or "nowhere: it is final"
        raise MoveRefused(
            f"A {self.what} that is {old} cannot become {new}; it can go to: {allowed}.",
            old=old,
            new=new,
            allowed=sorted(self.moves[old]),
        )
