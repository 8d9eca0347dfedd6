"""Whatever people do with leases, in whatever order: at most one live holder, and tokens only grow."""

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from kyros.collab.errors import LeaseHeld, LeaseLost
from kyros.collab.fake import FakeLeaseStore
from kyros.collab.model import Lease
from kyros.collab.ports import LeaseStore
from kyros.collab.store import SqlLeaseStore
from kyros.events.model import NewEvent
from kyros.infra.db import SqliteDatabase, metadata

HOLDERS = st.sampled_from(["boot_1/a", "boot_1/b", "boot_2/a"])
RESOURCES = st.lists(st.sampled_from(["task:T-1", "branch:p/x", "path:p/**"]), min_size=1, max_size=3)


class LeaseHistory(RuleBasedStateMachine):
    """Knows only what the promises say: who was granted what until when, and the last token of each."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 20, tzinfo=UTC)
        self.granted: dict[str, Lease] = {}
        self.until: dict[str, datetime] = {}
        self.tokens: dict[str, int] = {}
        self.events: list[NewEvent] = []
        self.runner = asyncio.Runner()

    def append_in(self, transaction: Any, events: list[NewEvent]) -> None:
        self.events += events

    def open_store(self) -> LeaseStore:
        return FakeLeaseStore(self, lambda: self.now)

    @initialize()
    def begin(self) -> None:
        self.store = self.open_store()

    def live_holder(self, resource: str) -> str | None:
        if resource in self.granted and self.now < self.until[resource]:
            return self.granted[resource].holder
        return None

    @rule(seconds=st.sampled_from([0.5, 4, 9, 10, 25]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(holder=HOLDERS, resources=RESOURCES, ttl=st.sampled_from([5.0, 10.0, 20.0]))
    def acquire(self, holder: str, resources: list[str], ttl: float) -> None:
        foreign = {self.live_holder(name) for name in resources} - {None, holder}
        if foreign:
            with pytest.raises(LeaseHeld) as held:
                self.runner.run(self.store.acquire(resources, holder, ttl))
            assert held.value.facts["holder"] in foreign
            return
        for lease in self.runner.run(self.store.acquire(resources, holder, ttl)):
            self.check_grant(lease, holder)

    def check_grant(self, lease: Lease, holder: str) -> None:
        last = self.tokens.get(lease.resource, 0)
        if self.live_holder(lease.resource) == holder:
            assert lease.fencing_token == last
            assert lease.lock_id == self.granted[lease.resource].lock_id
        else:
            assert lease.fencing_token > last
        self.granted[lease.resource] = lease
        self.tokens[lease.resource] = lease.fencing_token
        self.until[lease.resource] = self.now + timedelta(seconds=lease.ttl_seconds)

    @rule(holder=HOLDERS, resources=RESOURCES)
    def heartbeat(self, holder: str, resources: list[str]) -> None:
        if any(self.live_holder(name) != holder for name in resources):
            with pytest.raises(LeaseLost):
                self.runner.run(self.store.heartbeat(holder, resources))
            return
        self.runner.run(self.store.heartbeat(holder, resources))
        for name in resources:
            self.until[name] = self.now + timedelta(seconds=self.granted[name].ttl_seconds)

    @rule(holder=HOLDERS, resources=RESOURCES)
    def release(self, holder: str, resources: list[str]) -> None:
        self.runner.run(self.store.release(holder, resources))
        self.forget([name for name in resources if self.is_granted(name, holder)])

    @rule(prefix=st.sampled_from(["boot_1/", "boot_", "Boot"]), spared=HOLDERS)
    def void(self, prefix: str, spared: str) -> None:
        gone = [
            name
            for name, lease in self.granted.items()
            if lease.holder.startswith(prefix) and lease.holder != spared
        ]
        assert self.runner.run(self.store.void(prefix, spared)) == len(gone)
        self.forget(gone)

    def is_granted(self, resource: str, holder: str) -> bool:
        return resource in self.granted and self.granted[resource].holder == holder

    def forget(self, resources: list[str]) -> None:
        for name in resources:
            self.granted.pop(name, None)

    @invariant()
    def every_grant_in_the_log_has_a_token_of_its_own(self) -> None:
        grants = [
            (event.target, event.details["fencing_token"])
            for event in self.events
            if event.event == "lease_acquired"
        ]
        assert len(grants) == len(set(grants))

    def teardown(self) -> None:
        self.runner.close()


class SqlLeaseHistory(LeaseHistory):
    def open_store(self) -> LeaseStore:
        self.folder = tempfile.TemporaryDirectory()
        self.database = SqliteDatabase(Path(self.folder.name) / "kyros.db")
        metadata.create_all(self.database._engine)
        return SqlLeaseStore(self.database, self, lambda: self.now)

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()
        super().teardown()


@pytest.mark.parametrize(("machine", "examples"), [(LeaseHistory, 100), (SqlLeaseHistory, 50)])
def test_at_most_one_live_holder_and_tokens_only_grow(machine: type[LeaseHistory], examples: int) -> None:
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
