"""Leases in a history: taken, kept, given back and taken back, while time passes and the server restarts."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import rule

from kyros.collab.model import Reclaim
from kyros.collab.ports import Board
from kyros.collab.service import holding, leases
from kyros.collab.service.leases import Wish
from kyros.kernel.answers import Answer, Once
from tests.contract.collab.history_model import IMPOSSIBLE, PLAIN, RESOURCES
from tests.contract.collab.history_sides import Side
from tests.contract.collab.history_steps import KEY, WHO, Rule, Steps, answer_of

NAMES = st.lists(st.sampled_from([*RESOURCES, *PLAIN, IMPOSSIBLE]), min_size=1, max_size=3)
TTL = st.sampled_from([5.0, 20.0, 90.0])


class LeaseRules(Steps):
    @rule(who=WHO, names=NAMES, ttl=TTL, key=KEY)
    def acquire(self, who: str, names: list[str], ttl: float, key: str | None) -> None:
        held = self.world.in_the_way(names, who)
        wrong = {"lease_held"} if held else set()
        if IMPOSSIBLE in names:
            wrong = {"resource_invalid"}
        once = None if key is None else Once(who, key, repr(("acquire", names, ttl)))

        async def take(side: Side) -> Any:
            if once is None:
                return _lock(await side.leases.acquire(names, who, ttl))

            def finish(board: Board, taken: Sequence[Any]) -> Answer:
                board.remember(once, answer_of(_lock(taken)))
                return answer_of(_lock(taken))

            wish = Wish(names, who, ttl)
            return orjson.loads(
                (await side.leases.take(wish, 0, lambda board: board.recall(once), finish)).body
            )

        known = self.answers.get((who, key or ""))
        if known is not None and once is not None:
            again = self.attempt(set() if known[0] == once.digest else {"idempotency_key_reused"}, take)
            assert again in (None, known[1])
            return
        taken = self.attempt(wrong, take)
        if taken is not None:
            assert [name for name, _ in taken["leases"]] == list(dict.fromkeys(names))
            tokens = self.world.acquire(names, who, ttl, taken["lock_id"])
            assert [token for _, token in taken["leases"]] == tokens
            if once is not None:
                self.answers[who, once.key] = (once.digest, taken)
        elif self.refusal.code == "lease_held":
            facts = self.refusal.facts
            longest = max(held, key=self.world.left_ms)
            assert facts["holder"] in {lock.holder for lock in held}
            assert facts["retry_after_ms"] == self.world.left_ms(longest)

    def names_of(self, who: str, names: list[str], mine: bool) -> list[str]:
        own = [name for lock in self.world.locks if lock.holder == who for name in lock.tokens]
        return own[:2] if mine and own else names

    @rule(who=WHO, names=NAMES, mine=st.booleans())
    def heartbeat(self, who: str, names: list[str], mine: bool) -> None:
        names = self.names_of(who, names, mine)
        wrong = set() if self.world.holds(who, names) else {"lease_lost"}

        async def beat(side: Side) -> bool:
            await side.leases.heartbeat(who, names)
            return True

        if self.attempt(wrong, beat):
            for lock in self.world.live():
                if any(name in lock.tokens for name in names):
                    self.world.beaten(lock)

    @rule(number=st.integers(0, 9), late=st.booleans())
    def heartbeat_at_the_last_moment(self, number: int, late: bool) -> None:
        """Or the moment after."""
        if not self.world.live():
            return
        lock = self.world.live()[number % len(self.world.live())]
        self.world.now = lock.until if late else lock.until - timedelta(microseconds=1)
        self.heartbeat(lock.holder, list(lock.tokens), False)

    @rule(who=WHO, names=NAMES, mine=st.booleans())
    def release(self, who: str, names: list[str], mine: bool) -> None:
        names = self.names_of(who, names, mine)

        async def give(side: Side) -> None:
            await side.leases.release(who, names)

        self.agreed(give)
        for lock in [lock for lock in self.world.locks if lock.holder == who]:
            self.world.give_back(lock, names)

    @rule(who=WHO, number=st.integers(0, 9), key=KEY, keep=st.booleans())
    def keep_or_release_a_lock(self, who: str, number: int, key: str | None, keep: bool) -> None:
        locks = self.world.locks
        lock = locks[number % len(locks)] if locks and number < 8 else None
        lock_id = lock.id if lock else "lock_none"
        wrong = {"not_the_holder"} if lock and lock.holder != who else set()
        if keep and (lock is None or lock not in self.world.live()):
            wrong = wrong | {"lease_lost"}

        def rule_of(side: Side) -> Rule:
            def work(board: Board) -> bool:
                (holding.heartbeat_lock if keep else holding.release_lock)(board, who, lock_id)
                return True

            return work

        done = self.once(
            who, key, ("lock", keep, lock_id), wrong, lambda side: side.store.write(rule_of(side)), rule_of
        )
        if done and lock is not None and keep:
            self.world.beaten(lock)
        elif done and lock is not None:
            self.world.give_back(lock, list(lock.tokens))

    @rule(name=st.sampled_from(["all", *RESOURCES]))
    def operator_reclaims(self, name: str) -> None:
        over = [lock for lock in self.world.locks if lock not in self.world.live()]
        meant = [lock for lock in self.world.locks if name in lock.tokens]
        wrong = set() if meant or name == "all" else {"lease_not_found"}

        def work(board: Board) -> bool:
            if name == "all":
                leases.reclaim_expired(board, "ada")
            else:
                leases.reclaim_resource(board, name, "ada")
            return True

        if self.attempt(wrong, lambda side: side.store.write(work)):
            for lock in over if name == "all" else meant:
                why = Reclaim.EXPIRED if lock in over else Reclaim.BY_OPERATOR
                self.world.take_back(lock, "ada", why.value)

    @rule(seconds=st.sampled_from([1, 4, 6, 19, 21, 45, 700, -60]))
    def time_passes(self, seconds: float) -> None:
        self.world.now += timedelta(seconds=seconds)

    @rule()
    def server_beats(self) -> None:
        self.everywhere(lambda side: side.leases.beat())
        self.world.beat()

    @rule()
    def restart(self) -> None:
        async def again(side: Side) -> None:
            await side.reopen()
            await side.leases.resume()

        self.everywhere(again)
        self.world.resume()


def _lock(taken: Sequence[Any]) -> dict[str, Any]:
    pairs = [[lease.resource, lease.fencing_token] for lease in taken]
    return {"lock_id": taken[0].lock_id, "leases": pairs}
