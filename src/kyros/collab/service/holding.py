"""The rules of leases, over a board: who may take what, keep it, write under it, and who takes it back.

All leases of a lock are taken, kept alive and lost together. A lease that has run out stays on the board
until somebody wants the resource or the sweep comes by; it counts for nothing meanwhile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kyros.collab.errors import FenceStale, LeaseHeld, LeaseLost, NotTheHolder, TooManyLeases
from kyros.collab.model import (
    Fence,
    Lease,
    Reclaim,
    TaskStatus,
    Waiter,
    Writer,
    lease_acquired,
    lease_reclaimed,
    lease_released,
    refuse_if_held,
    refuse_if_lost,
)
from kyros.collab.model.resource import Resource, conflict, parse_resource
from kyros.collab.ports import Board, View
from kyros.collab.service.backlog import move_on
from kyros.kernel.clock import from_text, to_text
from kyros.kernel.ids import NewId

TOPIC = "leases"
"""Touched by every change that could let somebody in."""

MOST_HELD = 256
MOST_PLACES = 32
"""Of one holder: whoever takes a lease is held against all of them, and nobody writes meanwhile."""

_AT_WORK = (TaskStatus.CLAIMED, TaskStatus.IN_PROGRESS)
_GOING = ("queued", "running", "blocked")
_SOON = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Wish:
    """What somebody wants: all of the resources or none."""

    resources: Sequence[str]
    holder: str
    ttl_seconds: float


def project_of(view: View, resource: Resource) -> str | None:
    """The project it belongs to; None for a name of one's own and for a task that is not there."""
    if resource.task_id is None:
        return resource.project_id
    task = view.task(resource.task_id)
    return None if task is None else task.project_id


def check_writer(view: View, name: str, writer: Writer) -> None:
    """Who may write what a resource stands for: anybody while nobody holds it, then its holder, and whoever
    shows the holder's fence. Raises FenceStale, LeaseHeld."""
    live = [lease for lease in _in_the_way(view, parse_resource(name)) if lease.is_live(view.now)]
    fence = writer.fence
    if fence is not None and not any(_bears(lease, fence) for lease in live):
        current = next((lease.fencing_token for lease in live if lease.resource == fence.resource), None)
        raise FenceStale(
            f"The fencing token {fence.token} for {fence.resource} no longer counts: that lease ran out or "
            "was taken back. Stop that work, acquire it anew and look at what has changed.",
            resource=fence.resource,
            current=current,
        )
    mine = {writer.actor} if fence is None else {writer.actor, fence.holder}
    refuse_if_held((lease for lease in live if lease.holder not in mine), writer.actor, view.now)


def check_fence(view: View, fence: Fence) -> None:
    """Raise LeaseLost unless the fence's holder has its live lease with this very token."""
    found = [lease for lease in view.leases_on([fence.resource]) if lease.fencing_token == fence.token]
    refuse_if_lost(found, [fence.resource], fence.holder, view.now)


def acquire(board: Board, wish: Wish, ticket: int | None, new_id: NewId) -> Sequence[Lease]:
    """All of them or none, under one lock, in the order asked. What the holder has already stays as it is,
    its token too, with a heartbeat. `ticket` is the holder's own place among those who wait.

    Raises ResourceInvalid, TooManyLeases, and LeaseHeld also when somebody waits who came earlier.
    """
    wanted = [parse_resource(name) for name in dict.fromkeys(wish.resources)]
    _refuse_too_many(board, wish)
    found = {name.name: _in_the_way(board, name) for name in wanted}
    flat = {lease.resource: lease for leases in found.values() for lease in leases}
    refuse_if_held(flat.values(), wish.holder, board.now)
    own = [flat[one.name] for one in wanted if one.name in flat and flat[one.name].is_live(board.now)]
    missing = [one for one in wanted if one.name not in {lease.resource for lease in own}]
    _refuse_if_overtaking(board, missing, wish.holder, ticket)
    for lock_id in dict.fromkeys(lease.lock_id for lease in flat.values() if not lease.is_live(board.now)):
        take_back(board, board.leases_of(lock_id), wish.holder, Reclaim.EXPIRED)
    kept = _merged(board, own, wish.ttl_seconds)
    lock_id = kept[0].lock_id if kept else new_id("lock")
    ttl_seconds = kept[0].ttl_seconds if kept else wish.ttl_seconds
    taken = [_take(board, one, lock_id, wish.holder, ttl_seconds) for one in missing]
    if ticket is not None:
        board.drop_waiter(ticket)
    by_name = {lease.resource: lease for lease in (*kept, *taken)}
    return [by_name[one.name] for one in wanted]


def heartbeat(board: Board, holder: str, resources: Sequence[str]) -> Sequence[Lease]:
    """Keeps their locks alive for one TTL more. Raises LeaseLost, then none is kept."""
    found = board.leases_on(resources)
    refuse_if_lost(found, resources, holder, board.now)
    beaten = [_beat(board, lock_id) for lock_id in dict.fromkeys(lease.lock_id for lease in found)]
    by_name = {lease.resource: lease for leases in beaten for lease in leases}
    return [by_name[name] for name in dict.fromkeys(resources)]


def heartbeat_lock(board: Board, holder: str, lock_id: str) -> Sequence[Lease]:
    """Raises LeaseLost, NotTheHolder."""
    leases = board.leases_of(lock_id)
    _refuse_others(leases, holder, lock_id)
    if not leases or not all(lease.is_live(board.now) for lease in leases):
        raise LeaseLost(
            f"{lock_id} is no longer held: it was released, ran out or was taken back; stop that work and "
            "acquire it anew.",
            lock_id=lock_id,
        )
    return _beat(board, lock_id)


def release(board: Board, holder: str, resources: Sequence[str]) -> None:
    """What somebody else holds, or nobody, is left alone."""
    _give_back(board, [lease for lease in board.leases_on(resources) if lease.holder == holder])


def release_lock(board: Board, holder: str, lock_id: str) -> None:
    """A lock that is gone already is fine. Raises NotTheHolder."""
    leases = board.leases_of(lock_id)
    _refuse_others(leases, holder, lock_id)
    _give_back(board, leases)


def take_back(board: Board, leases: Sequence[Lease], actor: str, why: Reclaim) -> None:
    """From holders who are gone; the tasks they worked on are free for others, but for those of a run: it
    outlives its holder and comes back for its task."""
    for lease in leases:
        resource = parse_resource(lease.resource)
        board.drop_lease(lease)
        board.tell(lease_reclaimed(lease, actor, why, project_of(board, resource)))
        if resource.task_id is not None:
            _free_task(board, resource.task_id, actor, f"{lease.holder} lost it ({why.value})")
    if leases:
        board.touch(TOPIC)


def stand_in_line(board: Board, wish: Wish, ticket: int | None, until: datetime) -> Waiter:
    """Their place in the line, kept or made anew. Raises TooManyLeases."""
    waiters = board.waiters()
    mine = next((one for one in waiters if one.ticket == ticket), None)
    if mine is None:  # new, or taken for gone while this process slept
        if sum(one.holder == wish.holder and one.is_there(board.now) for one in waiters) >= MOST_PLACES:
            raise TooManyLeases(
                f"{wish.holder} waits for leases in {MOST_PLACES} places already: wait for one of them.",
                limit=MOST_PLACES,
            )
        return board.add_waiter(wish.holder, list(dict.fromkeys(wish.resources)), until)
    seen = replace(mine, seen_at=to_text(board.now))
    board.put_waiter(seen)
    return seen


def locks_to_mend(view: View) -> Sequence[str]:
    """Those that have run out, and those that outlive a clock set back."""
    past = (one for one in view.all_leases() if not one.is_live(view.now) or one.is_overlong(view.now))
    return list(dict.fromkeys(lease.lock_id for lease in past))


def mend(board: Board, lock_ids: Iterable[str], actor: str) -> None:
    """Take back the locks that have run out; give those that outlive a clock set back one TTL from now."""
    for lock_id in lock_ids:
        leases = board.leases_of(lock_id)
        take_back(board, [one for one in leases if not one.is_live(board.now)], actor, Reclaim.EXPIRED)
        for lease in leases:
            if lease.is_overlong(board.now):
                board.put_lease(lease.prolonged(board.now))


def dismiss_gone(board: Board) -> None:
    """Drop the places in line of those who are not heard of any more."""
    for waiter in board.waiters():
        if not waiter.is_there(board.now):
            board.drop_waiter(waiter.ticket)
            board.touch(TOPIC)


def give_grace(board: Board) -> None:
    """After a time out of service: leases that were live when the store was last in service have one TTL
    from now; nobody could send a heartbeat meanwhile."""
    last = board.last_beat()
    if last is None:
        return
    for lease in board.all_leases():
        if lease.is_live(last):
            board.put_lease(lease.prolonged(board.now))


def _in_the_way(view: View, resource: Resource) -> Sequence[Lease]:
    """Leases on it or on what it conflicts with, expired ones included."""
    if not resource.is_path:
        return view.leases_on([resource.name])
    near = view.leases_under(f"path:{resource.project_id}/")
    return [lease for lease in near if conflict(parse_resource(lease.resource), resource)]


def _bears(lease: Lease, fence: Fence) -> bool:
    return (lease.resource, lease.holder, lease.fencing_token) == (fence.resource, fence.holder, fence.token)


def _refuse_too_many(view: View, wish: Wish) -> None:
    held = {lease.resource for lease in view.leases_by(wish.holder) if lease.holder == wish.holder}
    if len(held.union(wish.resources)) > MOST_HELD:
        raise TooManyLeases(
            f"{wish.holder} would hold more than {MOST_HELD} leases: release some, or lease a folder or glob "
            "in place of many files.",
            limit=MOST_HELD,
        )


def _refuse_if_overtaking(view: View, wanted: Sequence[Resource], holder: str, ticket: int | None) -> None:
    for waiter in view.waiters():
        if ticket is not None and waiter.ticket >= ticket:
            return
        if waiter.holder == holder or not waiter.is_there(view.now):
            continue
        theirs = [parse_resource(name) for name in waiter.resources]
        for one in wanted:
            if any(conflict(one, other) for other in theirs):
                left = max(from_text(waiter.until) - view.now, _SOON)
                raise LeaseHeld(
                    f"{waiter.holder} waits for {one.name} and came first: wait in line (wait_seconds).",
                    resource=one.name,
                    holder=waiter.holder,
                    retry_after_ms=-(-left // _SOON),
                )


def _merged(board: Board, own: Sequence[Lease], ttl_seconds: float) -> list[Lease]:
    """The whole locks of what the holder has, as one from now on, with the longest TTL of all."""
    locks = dict.fromkeys(lease.lock_id for lease in own)
    whole = [lease for lock_id in locks for lease in board.leases_of(lock_id)]
    longest = max([ttl_seconds, *(lease.ttl_seconds for lease in whole)])
    merged = [
        replace(lease, lock_id=whole[0].lock_id, ttl_seconds=longest).beaten(board.now) for lease in whole
    ]
    for lease in merged:
        board.put_lease(lease)
    return merged


def _take(board: Board, resource: Resource, lock_id: str, holder: str, ttl_seconds: float) -> Lease:
    at = to_text(board.now)
    token = board.next_token(resource.fence)
    lease = Lease(lock_id, resource.name, holder, token, at, at, at, ttl_seconds).prolonged(board.now)
    board.put_lease(lease)
    board.tell(lease_acquired(lease, project_of(board, resource)))
    return lease


def _beat(board: Board, lock_id: str) -> Sequence[Lease]:
    beaten = [lease.beaten(board.now) for lease in board.leases_of(lock_id)]
    for lease in beaten:
        board.put_lease(lease)
    return beaten


def _give_back(board: Board, leases: Sequence[Lease]) -> None:
    for lease in leases:
        board.drop_lease(lease)
        board.tell(lease_released(lease, project_of(board, parse_resource(lease.resource))))
    if leases:
        board.touch(TOPIC)


def _refuse_others(leases: Sequence[Lease], holder: str, lock_id: str) -> None:
    if any(lease.holder != holder for lease in leases):
        raise NotTheHolder(
            f"{holder} does not hold {lock_id}: only its holder may keep or release it; an operator may "
            "reclaim it.",
            lock_id=lock_id,
        )


def _free_task(board: Board, task_id: str, actor: str, why: str) -> None:
    task = board.task(task_id)
    if task is None or task.status not in _AT_WORK or task.facts.get("run_status") in _GOING:
        return
    move_on(board, task, TaskStatus.QUEUED, actor, why)
