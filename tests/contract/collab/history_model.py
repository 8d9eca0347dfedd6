"""What the promises say of tasks, leases and agents, as small as it can be said; none of it is Kyros' code.

Each `…_is_wrong` names the codes a refusal may bear (none: it must be done); what is done changes the world
and adds to `told` the events it owes. Where the promises leave words free (notes), events are silent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

MOVES = {
    "queued": "claimed blocked cancelled",
    "claimed": "in_progress queued blocked cancelled",
    "in_progress": "review queued blocked cancelled",
    "review": "approved in_progress queued blocked cancelled",
    "approved": "merging review cancelled",
    "merging": "done review",
    "blocked": "queued claimed in_progress review cancelled",
    "cancelled": "queued",
    "done": "",
}
LINE = ["queued", "claimed", "in_progress", "review", "approved", "merging", "done"]
AT_WORK = ("claimed", "in_progress")
NEEDS_CHECKLIST = ("approved", "merging", "done")

PATHS = {
    "path:p/src/**": {"src", "src/a.py", "src/b/c.py"},
    "path:p/src/*.py": {"src/a.py"},
    "path:p/src/b": {"src/b", "src/b/c.py"},
    "path:p/{docs,lib}/x": {"docs/x", "lib/x"},
    "path:q/src/**": {"q: src"},
}
"""Of the globs leased here, which of a few paths each matches."""
PLAIN = ["task:T-1", "task:T-2", "task:T-3", "branch:p/main", "tower"]
IMPOSSIBLE = "path:p/../x"
RESOURCES = [*PLAIN, *PATHS]

Told = tuple[str, str, str, dict[str, Any]]


def clash(left: str, right: str) -> bool:
    return left == right or bool(PATHS.get(left, set()) & PATHS.get(right, set()))


def fence_of(resource: str) -> str:
    """Paths of one project count together."""
    return resource.partition("/")[0] if resource in PATHS else resource


@dataclass
class Lock:
    id: str
    holder: str
    tokens: dict[str, int]
    ttl: float
    until: datetime


@dataclass
class Item:
    """`run` is what another room proved; `waits` that it is blocked for its dependencies alone."""

    id: str
    title: str
    depends_on: list[str]
    checklist: list[tuple[str, bool]]
    priority: str = "normal"
    status: str = "queued"
    version: int = 1
    run: str | None = None
    waits: bool = False

    @property
    def facts(self) -> dict[str, str]:
        waits = {"blocked_for": "dependencies"} if self.waits else {}
        return waits | ({"run_status": self.run} if self.run else {})

    @property
    def is_open(self) -> bool:
        return any(not done for _, done in self.checklist)


@dataclass
class Hand:
    name: str
    projects: list[str]
    skills: list[str] = field(default_factory=list)
    available: bool = True
    seen: datetime | None = None
    version: int = 1


class World:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 12, tzinfo=UTC)
        self.tasks: dict[str, Item] = {}
        self.locks: list[Lock] = []
        self.tokens: dict[str, int] = {}
        self.agents: dict[str, Hand] = {}
        self.told: list[Told] = []
        self.last_beat: datetime | None = None

    # Tasks

    def dependencies_are_wrong(self, task_id: str | None, depends_on: Sequence[str]) -> set[str]:
        if any(one not in self.tasks for one in depends_on):
            return {"dependency_not_found"} | ({"dependency_cycle"} if task_id in depends_on else set())
        seen, rim = set(depends_on), list(depends_on)
        while rim:
            further = [one for one in self.tasks[rim.pop()].depends_on if one not in seen]
            seen.update(further)
            rim += further
        return {"dependency_cycle"} if task_id in seen else set()

    def create(self, item: Item, actor: str) -> None:
        self.tasks[item.id] = item
        self.tell("task_created", actor, item.id, title=item.title, project_id="p", version=1)

    def writer_is_wrong(self, item: Item, actor: str, fence: int | None) -> set[str]:
        name = f"task:{item.id}"
        held = next((lock for lock in self.live() if name in lock.tokens), None)
        wrong = {"lease_held"} if held is not None and held.holder != actor else set()
        if fence is None or (held is not None and (held.holder, held.tokens[name]) == (actor, fence)):
            return wrong
        return wrong | {"fencing_token_stale"}

    def patch_is_wrong(self, item: Item, change: dict[str, Any]) -> set[str]:
        if not self.differs(item, change):
            return set()
        new_list = change.get("checklist", item.checklist)
        is_open = item.status in NEEDS_CHECKLIST and any(not done for _, done in new_list)
        depends_on = change.get("depends_on", item.depends_on)
        cyclic = self.dependencies_are_wrong(item.id, depends_on) if depends_on != item.depends_on else set()
        return cyclic | ({"checklist_open"} if is_open else set())

    def differs(self, item: Item, change: dict[str, Any]) -> list[str]:
        order = ("title", "checklist", "depends_on", "priority")
        return [name for name in order if name in change and change[name] != getattr(item, name)]

    def patch(self, item: Item, change: dict[str, Any], actor: str) -> None:
        fields = self.differs(item, change)
        if not fields:
            return
        held_back, short = self.unmet(item), [name for name in fields if name != "checklist"]
        old = {name: getattr(item, name) for name in short}
        for name in fields:
            setattr(item, name, change[name])
        item.version += 1
        details = {"fields": fields, "old": old, "new": {name: change[name] for name in short}}
        self.tell("task_changed", actor, item.id, project_id="p", version=item.version, **details)
        if "depends_on" in fields and held_back:
            self.free(item, ", ".join(held_back), actor)

    def move_is_wrong(self, item: Item, to: str) -> set[str]:
        if to not in MOVES[item.status].split():
            return {"move_refused"}
        wrong = {"checklist_open"} if to in NEEDS_CHECKLIST and item.is_open else set()
        return wrong | ({"dependencies_unmet"} if to in AT_WORK and self.unmet(item) else set())

    def move(self, item: Item, to: str, actor: str, **note: str) -> None:
        old, item.status = item.status, to
        item.waits = to == "blocked" and bool(self.unmet(item))
        item.version += 1
        states = {"old_status": old, "new_status": to}
        self.tell("task_moved", actor, item.id, project_id="p", version=item.version, **states, **note)
        if to == "done":
            for waiting in self.tasks.values():
                if item.id in waiting.depends_on:
                    self.free(waiting, item.id, actor)

    def free(self, item: Item, by: str, actor: str) -> None:
        if item.status in ("done", "cancelled") or self.unmet(item):
            return
        self.tell("task_freed", actor, item.id, project_id="p", by=by)
        if item.waits:
            self.move(item, "queued", actor)

    def unmet(self, item: Item) -> list[str]:
        return [one for one in item.depends_on if self.tasks[one].status != "done"]

    # Leases

    def live(self) -> list[Lock]:
        return [lock for lock in self.locks if self.now < lock.until]

    def lock(self, lock_id: str) -> Lock | None:
        return next((lock for lock in self.locks if lock.id == lock_id), None)

    def in_the_way(self, names: Iterable[str], holder: str) -> list[Lock]:
        near = [lock for lock in self.live() if lock.holder != holder]
        return [lock for lock in near if any(clash(name, one) for name in names for one in lock.tokens)]

    def left_ms(self, lock: Lock) -> int:
        left = min(lock.until - self.now, timedelta(seconds=lock.ttl))
        return max(1, ceil(left / timedelta(milliseconds=1)))

    def acquire(self, names: Sequence[str], holder: str, ttl: float, lock_id: str) -> list[int]:
        """`lock_id` is what was answered. Returns the tokens owed, in the order asked."""
        wanted = list(dict.fromkeys(names))
        for lock in [lock for lock in self.locks if self.now >= lock.until]:
            if any(clash(name, one) for name in wanted for one in lock.tokens):
                self.take_back(lock, holder, "expired")
        mine = [lock for lock in self.live() if any(name in lock.tokens for name in wanted)]
        assert lock_id in {lock.id for lock in mine} if mine else self.lock(lock_id) is None
        tokens = {name: token for lock in mine for name, token in lock.tokens.items()}
        ttl = max([ttl, *(lock.ttl for lock in mine)])
        for name in [name for name in wanted if name not in tokens]:
            tokens[name] = self.tokens[fence_of(name)] = self.tokens.get(fence_of(name), 0) + 1
            self.tell("lease_acquired", holder, name, **self.lease_facts(name, lock_id, tokens[name]))
        self.locks = [lock for lock in self.locks if lock not in mine]
        self.locks.append(Lock(lock_id, holder, tokens, ttl, self.now + timedelta(seconds=ttl)))
        return [tokens[name] for name in wanted]

    def beaten(self, lock: Lock) -> None:
        lock.until = self.now + timedelta(seconds=lock.ttl)

    def holds(self, holder: str, names: Iterable[str]) -> bool:
        mine = {name for lock in self.live() if lock.holder == holder for name in lock.tokens}
        return mine.issuperset(names)

    def give_back(self, lock: Lock, names: Iterable[str]) -> None:
        for name in [name for name in lock.tokens if name in names]:
            token = lock.tokens.pop(name)
            self.tell("lease_released", lock.holder, name, **self.lease_facts(name, lock.id, token))
        self.locks = [one for one in self.locks if one.tokens]

    def take_back(self, lock: Lock, actor: str, reason: str) -> None:
        self.locks.remove(lock)
        for name, token in lock.tokens.items():
            facts = self.lease_facts(name, lock.id, token)
            self.tell("lease_reclaimed", actor, name, **facts, holder=lock.holder, reason=reason)
            item = self.tasks.get(name.removeprefix("task:"))
            if item is not None and item.status in AT_WORK and item.run != "running":
                self.move(item, "queued", actor)

    def beat(self) -> None:
        """After half a minute of silence the server counts as having been away."""
        if self.last_beat is not None and self.now - self.last_beat > timedelta(seconds=30):
            self.give_grace()
        self.last_beat = self.now
        for lock in list(self.locks):
            if self.now >= lock.until:
                self.take_back(lock, "kyros", "expired")
            else:  # the clock may have been set back
                lock.until = min(lock.until, self.now + timedelta(seconds=lock.ttl))

    def resume(self) -> None:
        self.give_grace()
        self.last_beat = self.now

    def give_grace(self) -> None:
        for lock in self.locks:
            if self.last_beat is not None and self.last_beat < lock.until:
                self.beaten(lock)

    def lease_facts(self, name: str, lock_id: str, token: int) -> dict[str, Any]:
        facts: dict[str, Any] = {"lock_id": lock_id, "fencing_token": token}
        kind, _, rest = name.partition(":")
        if kind == "task":
            return facts | {"task_id": rest} | ({"project_id": "p"} if rest in self.tasks else {})
        return facts | ({"project_id": rest.partition("/")[0]} if kind in ("path", "branch") else {})

    # Agents

    def status(self, hand: Hand) -> str:
        if any(lock.holder == hand.name for lock in self.live()):
            return "working"
        silent = hand.seen is None or abs(self.now - hand.seen) >= timedelta(minutes=10)
        return "offline" if silent else "idle"

    def tell_of(self, event: str, hand: Hand, actor: str, **details: Any) -> None:
        where = {"project_id": hand.projects[0]} if len(hand.projects) == 1 else {}
        self.tell(event, actor, hand.name, version=hand.version, **details, **where)

    def tell(self, event: str, actor: str, target: str, **details: Any) -> None:
        self.told.append((event, actor, target, details))
