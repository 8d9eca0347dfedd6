"""A history on every store at once: each step held against the promises, each state against the others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from kyros.collab.ports import Board
from kyros.collab.service.once import answered
from kyros.kernel.answers import Answer, Once
from kyros.kernel.clock import to_text
from kyros.kernel.errors import KyrosError
from kyros.kernel.etag import digest_of
from tests.contract.collab.history_model import World, clash, fence_of
from tests.contract.collab.history_sides import Side, SideMaker

Rule = Callable[[Board], Any]

WHO = st.sampled_from(["ada", "bo", "cy"])
KEY = st.sampled_from([None, None, None, "key-1", "key-2"])


class Steps(RuleBasedStateMachine):
    makers: Sequence[SideMaker] = ()

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.answers: dict[tuple[str, str], tuple[str, Any]] = {}
        self.tags: dict[str, dict[str, Any]] = {}
        self.old_tags: dict[str, list[str]] = {}
        self.last_tokens: dict[str, int] = {}
        self.state: dict[str, Any] = {}
        self.runner = asyncio.Runner()
        self.sides: list[Side] = []

    def clock(self) -> datetime:
        return self.world.now

    def teardown(self) -> None:
        try:
            self.everywhere(lambda side: side.close())
        finally:
            self.runner.close()

    # One step on every side

    def everywhere(self, work: Callable[[Side], Awaitable[Any]]) -> list[Any]:
        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*(work(side) for side in self.sides))

        return self.runner.run(all_of_them())

    def agreed(self, work: Callable[[Side], Awaitable[Any]]) -> Any:
        """What every side answered, a refusal as the error."""

        async def outcome(side: Side) -> Any:
            try:
                return await work(side)
            except KyrosError as refusal:
                return refusal

        first, *others = self.everywhere(outcome)
        for side, other in zip(self.sides[1:], others, strict=True):
            assert _plain(other) == _plain(first), f"{side.name} says otherwise than {self.sides[0].name}"
        return first

    def attempt(self, wrong: set[str], work: Callable[[Side], Awaitable[Any]]) -> Any:
        """What was answered; None when it was refused, as it had to be."""
        found = self.agreed(work)
        if isinstance(found, KyrosError):
            assert found.code in wrong, f"refused: {found.code}; the promises say {wrong or 'it is done'}"
            self.refusal = found
            return None
        assert not wrong, f"done, and should have been refused: {wrong}"
        return found

    def once(
        self,
        who: str,
        key: str | None,
        request: tuple[Any, ...],
        wrong: set[str],
        plain: Callable[[Side], Awaitable[Any]],
        rule_of: Callable[[Side], Rule],
    ) -> Any:
        """`plain` without a key; with one, the same rule under it. None also for a key answered before."""
        if key is None:
            return self.attempt(wrong, plain)
        once = Once(who, key, repr(request))
        known = self.answers.get((who, key))

        async def under_key(side: Side) -> Any:
            answer = await answered(side.store, once, rule_of(side), answer_of)
            return orjson.loads(answer.body)

        if known is None:
            if (found := self.attempt(wrong, under_key)) is not None:
                self.answers[who, key] = (once.digest, found)
            return found
        again = self.attempt(set() if known[0] == once.digest else {"idempotency_key_reused"}, under_key)
        assert again in (None, known[1])
        return None

    # What holds after every step

    @invariant()
    def look(self) -> None:
        first, *others = self.everywhere(lambda side: side.state())
        for side, other in zip(self.sides[1:], others, strict=True):
            for part, found in first.items():
                assert other[part] == found, f"{side.name} has other {part} than {self.sides[0].name}"
        for side in self.sides:
            side.check(first)
        self._compare_with_the_world(first)
        self._check_tags(self.state, first)
        self._check_revisions(self.state, first)
        self.state = first
        self._check_events()

    def _compare_with_the_world(self, state: dict[str, Any]) -> None:
        world = self.world
        found = {
            one["id"]: (
                one["status"], one["version"], one["title"], one["priority"], one["depends_on"],
                [(item["text"], item["done"]) for item in one["checklist"]], one["facts"],
            )
            for _, one in state["tasks"].values()
        }  # fmt: skip
        assert found == {
            one.id: (
                one.status, one.version, one.title, one.priority, one.depends_on, one.checklist, one.facts
            )
            for one in world.tasks.values()
        }  # fmt: skip
        assert sorted(
            (one["resource"], one["holder"], one["fencing_token"], one["lock_id"], one["expires_at"])
            for _, one in state["locks"].values()
        ) == sorted(
            (name, lock.holder, token, lock.id, to_text(lock.until))
            for lock in world.locks
            for name, token in lock.tokens.items()
        )
        held = [one for _, one in state["locks"].values() if to_text(world.now) < one["expires_at"]]
        for one in held:
            for other in held:
                together = one["holder"] == other["holder"] or not clash(one["resource"], other["resource"])
                assert together, f"{one['resource']} and {other['resource']} are held by two"
        assert {
            name: (
                one["projects"], one["skills"], one["available"], one["version"], one["last_seen"],
                one["status"],
            )
            for name, (_, one) in state["present"].items()
        } == {
            name: (
                hand.projects, hand.skills, hand.available, hand.version, hand.seen and to_text(hand.seen),
                world.status(hand),
            )
            for name, hand in world.agents.items()
        }  # fmt: skip

    def _check_tags(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        """An etag stands for one content, ever; the same content right after has the same etag."""
        for kind in ("tasks", "shown", "present"):
            for name, (tag, document) in now[kind].items():
                known = self.tags.setdefault(f"{kind} {name}", {})
                assert known.setdefault(tag, document) == document
                was = before.get(kind, {}).get(name)
                assert was is None or (was[0] == tag) == (was[1] == document)
        for name, (tag, _) in before.get("tasks", {}).items():
            self.old_tags.setdefault(name, []).append(tag)
        if before:
            self.old_tags.setdefault("*", []).append(before["revisions"]["tasks"].etag)

    def _check_revisions(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        for kind, revision in now["revisions"].items():
            documents = [document for _, document in now[kind].values()]
            assert revision.count == len(documents)
            assert revision.fold == sum(map(digest_of, documents)) % 2**64
            if before:
                was = before["revisions"][kind]
                same = documents == [document for _, document in before[kind].values()]
                assert revision.number > was.number or (same and revision == was)

    def _check_events(self) -> None:
        first, *others = self.everywhere(lambda side: side.news())
        for side, other in zip(self.sides[1:], others, strict=True):
            assert other == first, f"{side.name} has other events than {self.sides[0].name}"
        owed, self.world.told = self.world.told, []
        found = [(event, actor, target, dict(details)) for _, _, event, actor, target, details in first]
        for event, _, _, details in found:
            if event == "task_moved" and ("task_moved", details) not in [(one[0], one[3]) for one in owed]:
                del details["note"]  # of moves that Kyros makes by itself, its words are free
        assert sorted(found, key=repr) == sorted(owed, key=repr)
        for _, _, event, _, target, details in first:
            if event == "lease_acquired":
                fence = fence_of(target)
                assert details["fencing_token"] == self.last_tokens.get(fence, 0) + 1
                self.last_tokens[fence] = details["fencing_token"]


def answer_of(content: Any) -> Answer:
    return Answer(200, orjson.dumps(content).decode())


def _plain(found: Any) -> Any:
    return (found.code, found.message, dict(found.facts)) if isinstance(found, KyrosError) else found
