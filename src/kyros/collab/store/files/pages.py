"""The three files in memory: each item's text, encoded once, and what the rows have that it lacks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kyros.collab.model import Agent, Kind, Lease, Revision, Task
from kyros.collab.ports import CollabStore, View
from kyros.collab.store.files.sheet import fragment, sheet

NOTHING = Revision(-1, 0, 0)


class Journal(CollabStore, Protocol):
    """The store underneath: its rows are the truth that the files follow."""

    def tasks_since(self, view: View, number: int) -> Sequence[Task]:
        """Those written after the collection's revision `number`."""
        ...


@dataclass(frozen=True)
class News:
    """What was committed since the pages were last brought up to date; None: nothing of this kind."""

    revisions: Mapping[Kind, Revision]
    tasks: Sequence[Task]
    locks: Sequence[Lease] | None
    agents: Sequence[Agent] | None


@dataclass
class Pages:
    """Memory of one process. It never goes back: rows are read after what was read before."""

    revisions: dict[Kind, Revision] = field(default_factory=lambda: dict.fromkeys(Kind, NOTHING))
    _tasks: dict[int, bytes] = field(default_factory=dict)
    _others: dict[Kind, list[bytes]] = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        """Nothing was ever read."""
        return NOTHING in self.revisions.values()

    def news(self, view: View, journal: Journal) -> News:
        """Read on one state of the rows. Only changed tasks are read; leases and agents are few and whole."""
        revisions = {kind: view.revision(kind) for kind in Kind}
        newer = {kind for kind in Kind if revisions[kind] != self.revisions[kind]}
        known = self.revisions[Kind.TASKS].number
        return News(
            revisions,
            journal.tasks_since(view, known) if Kind.TASKS in newer else (),
            view.all_leases() if Kind.LOCKS in newer else None,
            view.all_agents() if Kind.AGENTS in newer else None,
        )

    def take(self, news: News) -> None:
        for task in news.tasks:
            self._tasks[number_of(task.id)] = fragment(Kind.TASKS, task.document())
        if news.locks is not None:
            ordered = sorted(news.locks, key=lambda lease: lease.resource)
            self._others[Kind.LOCKS] = [fragment(Kind.LOCKS, one.document()) for one in ordered]
        if news.agents is not None:
            named = sorted(news.agents, key=lambda agent: agent.name)
            self._others[Kind.AGENTS] = [fragment(Kind.AGENTS, one.document()) for one in named]
        self.revisions.update(news.revisions)

    def text(self, kind: Kind) -> bytes:
        """The whole file. Raises ValueError should the rows and their count ever disagree."""
        items = self._others.get(kind, [])
        if kind is Kind.TASKS:
            items = [self._tasks[number] for number in sorted(self._tasks)]
        if len(items) != (count := self.revisions[kind].count):
            raise ValueError(f"{kind.value} has {len(items)} items and counts {count}")
        return sheet(kind, self.revisions[kind], items)


def number_of(task_id: str) -> int:
    """T-100 -> 100: the order in the file."""
    return int(task_id.removeprefix("T-"))
