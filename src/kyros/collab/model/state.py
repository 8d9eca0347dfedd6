"""The three collections of the room and the state of each as one number and one hash."""

from dataclasses import dataclass
from enum import StrEnum

from kyros.kernel.etag import etag_of


class Kind(StrEnum):
    TASKS = "tasks"
    LOCKS = "locks"
    AGENTS = "agents"


@dataclass(frozen=True)
class Revision:
    """`number` grows with every write to the collection; `fold` is the sum of its items' digests
    (kernel.etag.digest_of), modulo 2**64; `count` how many there are. All three are kept up to date
    item by item, so that a tag costs the same however many items there are."""

    number: int
    fold: int
    count: int

    @property
    def etag(self) -> str:
        return etag_of(self.number, self.fold)
