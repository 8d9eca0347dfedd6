"""What every board promises of agents, and of the revision of each collection: it is always the sum."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyros.collab.model import AgentStatus, Kind, Revision
from kyros.collab.ports import Board, CollabStore, View
from kyros.kernel.errors import Conflict
from tests.contract.collab.items import agent, lease, task

NUMBERS = st.integers(1, 4)
CHANGES = ("add", "put", "lease", "drop", "agent", "remove")
WRITES = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from(CHANGES), NUMBERS, st.integers(0, 3)), max_size=6), st.booleans()
    ),
    max_size=8,
)


def do(board: Board, change: str, number: int, more: int) -> Kind | None:
    """The collection that changes by it; None for none."""
    actions: dict[str, Callable[[], Any]] = {
        "add": lambda: board.add_task(task(f"t{more}")),
        "put": lambda: board.put_task(task(f"u{more}", labels=(f"l{more}",))(f"T-{number}")),
        "lease": lambda: board.put_lease(lease(f"r{number}", token=more)),
        "drop": lambda: board.drop_lease(lease(f"r{number}", token=more)),
        "agent": lambda: board.put_agent(agent(f"a{number}", version=more)),
        "remove": lambda: board.drop_agent(f"a{number}"),
    }
    present = {
        "put": board.task(f"T-{number}") is not None,
        "drop": bool(board.leases_on([f"r{number}"])),
        "remove": board.agent(f"a{number}") is not None,
    }
    if change != "put" or present["put"]:
        actions[change]()
    kind = (
        Kind.TASKS if change in ("add", "put") else Kind.LOCKS if change in ("lease", "drop") else Kind.AGENTS
    )
    return kind if present.get(change, True) else None


def kept_and_summed(view: View) -> list[tuple[Revision, int, int]]:
    """Each collection's revision beside the sum and the count of what is there."""
    items = {Kind.TASKS: view.all_tasks(), Kind.LOCKS: view.all_leases(), Kind.AGENTS: view.all_agents()}
    return [
        (view.revision(kind), sum(one.digest for one in found) % 2**64, len(found))
        for kind, found in items.items()
    ]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=WRITES)
async def test_a_revision_is_the_sum_of_its_items_whatever_was_done(store: CollabStore, writes: Any) -> None:
    for changes, is_refused in writes:
        before = await store.read(lambda view: {kind: view.revision(kind).number for kind in Kind})
        done: list[Kind | None] = []

        def work(
            board: Board, changes: Any = changes, is_refused: bool = is_refused, done: Any = done
        ) -> None:
            done += [do(board, *change) for change in changes]
            if is_refused:
                raise Conflict("no")

        try:
            await store.write(work)
        except Conflict:
            done.clear()
        for revision, fold, count in await store.read(kept_and_summed):
            assert (revision.fold, revision.count) == (fold, count)
        after = await store.read(lambda view: {kind: view.revision(kind).number for kind in Kind})
        assert after == {kind: before[kind] + done.count(kind) for kind in Kind}


async def test_the_etag_of_a_collection_changes_with_each_write_to_it_alone(store: CollabStore) -> None:
    def tags(view: View) -> list[str]:
        return [view.revision(kind).etag for kind in Kind]

    first = await store.read(tags)
    await store.write(lambda board: board.put_lease(lease("a")))
    second = await store.read(tags)
    assert [one == other for one, other in zip(first, second, strict=True)] == [True, False, True]
    await store.write(lambda board: board.put_lease(lease("a")))
    assert (await store.read(tags))[1] not in (first[1], second[1])


async def test_an_agent_comes_back_whole(store: CollabStore) -> None:
    full = agent(
        "bot",
        role="manager",
        skills=("python", "Größe 🦉"),
        profile="claude",
        projects=("app", "docs"),
        status=AgentStatus.WORKING,
        available=False,
        last_seen="2026-11-20T12:00:00.000001Z",
        version=9,
    )
    await store.write(lambda board: board.put_agent(full))
    assert await store.read(lambda view: view.agent("bot")) == full
    changed = replace(full, skills=(), profile=None, available=True, version=10)
    await store.write(lambda board: board.put_agent(changed))
    assert await store.read(lambda view: view.all_agents()) == [changed]


async def test_agents_are_by_name_and_gone_when_dropped(store: CollabStore) -> None:
    def work(board: Board) -> None:
        for name in ("zoe", "Bob", "ada", "a-1"):
            board.put_agent(agent(name))
        board.drop_agent("zoe")
        board.drop_agent("nobody")

    await store.write(work)
    assert await store.read(lambda view: [one.name for one in view.all_agents()]) == ["Bob", "a-1", "ada"]
    assert await store.read(lambda view: view.agent("zoe")) is None
