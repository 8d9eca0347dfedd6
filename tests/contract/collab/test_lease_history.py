"""Whatever people do with leases, in whatever order: one holder of what conflicts, and tokens only grow."""

import asyncio
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from kyros.collab.errors import LeaseHeld, LeaseLost
from kyros.collab.fake import FakeCollabStore
from kyros.collab.model import Lease
from kyros.collab.ports import CollabStore
from kyros.collab.service.leases import Leases
from kyros.collab.store import SqlCollabStore
from kyros.events.model import NewEvent
from kyros.infra.db import SqliteDatabase, metadata

HOLDERS = st.sampled_from(["boot_1/a", "boot_1/b", "boot_2/a"])
NAMES = ["task:T-1", "branch:p/x", "path:p/**", "path:p/x", "path:p/y"]
RESOURCES = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)
FENCES = {name: "path:p" if name.startswith("path:") else name for name in NAMES}


def clash(left: str, right: str) -> bool:
    return left == right or ("path:p/**" in (left, right) and FENCES[left] == FENCES[right])


@dataclass
class Lock:
    """What the promises say of leases taken together."""

    holder: str
    tokens: dict[str, int]
    ttl: float
    until: datetime


class LeaseHistory(RuleBasedStateMachine):
    """Knows only what the promises say: who was granted what until when, and the last token of each."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 20, tzinfo=UTC)
        self.locks: list[Lock] = []
        self.beaten: datetime | None = None
        self.last: dict[str, int] = {}
        self.events: list[NewEvent] = []
        self.runner = asyncio.Runner()

    def append_in(self, transaction: Any, events: list[NewEvent]) -> None:
        self.events += events

    def open_store(self) -> CollabStore:
        return FakeCollabStore(self, lambda: self.now)

    @initialize()
    def begin(self) -> None:
        self.leases = Leases(self.open_store())

    def live(self) -> list[Lock]:
        return [lock for lock in self.locks if self.now < lock.until]

    def holds(self, holder: str, name: str) -> bool:
        return any(lock.holder == holder and name in lock.tokens for lock in self.live())

    @rule(seconds=st.sampled_from([0.5, 4, 9, 10, 25]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def beat(self) -> None:
        """After more than half a minute of silence, what was live before it has one TTL from now."""
        self.runner.run(self.leases.beat())
        if self.beaten is not None and self.now - self.beaten > timedelta(seconds=30):
            for lock in self.locks:
                if self.beaten < lock.until:
                    lock.until = self.now + timedelta(seconds=lock.ttl)
        self.beaten = self.now
        self.locks = self.live()

    @rule(holder=HOLDERS, names=RESOURCES, ttl=st.sampled_from([5.0, 10.0, 20.0]))
    def acquire(self, holder: str, names: list[str], ttl: float) -> None:
        foreign = {
            lock.holder
            for lock in self.live()
            if lock.holder != holder and any(clash(name, one) for name in names for one in lock.tokens)
        }
        if foreign:
            with pytest.raises(LeaseHeld) as held:
                self.runner.run(self.leases.acquire(names, holder, ttl))
            assert held.value.facts["holder"] in foreign
            return
        taken = self.runner.run(self.leases.acquire(names, holder, ttl))
        assert [lease.resource for lease in taken] == list(dict.fromkeys(names))
        self.grant(holder, taken, ttl)

    def grant(self, holder: str, taken: Any, ttl: float) -> None:
        mine = [lock for lock in self.live() if any(lease.resource in lock.tokens for lease in taken)]
        known = {name: token for lock in mine for name, token in lock.tokens.items()}
        for lease in taken:
            fence = FENCES[lease.resource]
            if lease.resource in known:
                assert lease.fencing_token == known[lease.resource]
            else:
                assert lease.fencing_token == self.last.get(fence, 0) + 1
                self.last[fence] = lease.fencing_token
            known[lease.resource] = lease.fencing_token
        longest = max([ttl, *(lock.ttl for lock in mine)])
        self.locks = [lock for lock in self.locks if lock not in mine and not self.replaced(lock, taken)]
        self.locks.append(Lock(holder, known, longest, self.now + timedelta(seconds=longest)))

    def replaced(self, lock: Lock, taken: Any) -> bool:
        """What ran out goes when somebody takes a part of it."""
        over = self.now >= lock.until
        return over and any(clash(lease.resource, name) for lease in taken for name in lock.tokens)

    @rule(holder=HOLDERS, names=RESOURCES)
    def heartbeat(self, holder: str, names: list[str]) -> None:
        if not all(self.holds(holder, name) for name in names):
            with pytest.raises(LeaseLost):
                self.runner.run(self.leases.heartbeat(holder, names))
            return
        self.runner.run(self.leases.heartbeat(holder, names))
        for lock in self.live():
            if lock.holder == holder and any(name in lock.tokens for name in names):
                lock.until = self.now + timedelta(seconds=lock.ttl)

    @rule(holder=HOLDERS, names=RESOURCES)
    def release(self, holder: str, names: list[str]) -> None:
        self.runner.run(self.leases.release(holder, names))
        for lock in self.locks:
            if lock.holder == holder:
                lock.tokens = {name: token for name, token in lock.tokens.items() if name not in names}
        self.locks = [lock for lock in self.locks if lock.tokens]

    @rule(prefix=st.sampled_from(["boot_1/", "boot_", "Boot"]), spared=HOLDERS)
    def void(self, prefix: str, spared: str) -> None:
        gone = [lock for lock in self.locks if lock.holder.startswith(prefix) and lock.holder != spared]
        assert self.runner.run(self.leases.void(prefix, spared)) == sum(len(lock.tokens) for lock in gone)
        self.locks = [lock for lock in self.locks if lock not in gone]

    @invariant()
    def the_store_knows_what_was_promised_and_nothing_else(self) -> None:
        if not hasattr(self, "leases"):
            return
        kept: list[Lease] = self.runner.run(self.leases.store.read(lambda view: list(view.all_leases())))
        assert sorted(
            (one.resource, one.holder, one.fencing_token) for one in kept if one.is_live(self.now)
        ) == sorted((name, lock.holder, token) for lock in self.live() for name, token in lock.tokens.items())
        assert len({one.lock_id for one in kept}) == len(self.locks)

    @invariant()
    def every_grant_in_the_log_has_a_token_of_its_own(self) -> None:
        grants = [
            (FENCES[event.target], event.details["fencing_token"])
            for event in self.events
            if event.event == "lease_acquired"
        ]
        assert len(grants) == len(set(grants))

    def teardown(self) -> None:
        self.runner.close()


class SqlLeaseHistory(LeaseHistory):
    def open_store(self) -> CollabStore:
        self.folder = tempfile.TemporaryDirectory()
        self.database = SqliteDatabase(Path(self.folder.name) / "kyros.db")
        metadata.create_all(self.database._engine)
        return SqlCollabStore(self.database, self, lambda: self.now)

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()
        super().teardown()


@pytest.mark.parametrize(("machine", "examples"), [(LeaseHistory, 100), (SqlLeaseHistory, 50)])
def test_what_conflicts_has_one_live_holder_and_tokens_only_grow(
    machine: type[LeaseHistory], examples: int
) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
