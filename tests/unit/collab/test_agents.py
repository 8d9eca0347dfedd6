"""The registry of agents: who gets in, what changes, what their tokens may do, where each stands."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from kyros.auth.errors import NameRefused, NameTaken
from kyros.auth.fake import FakeTokens
from kyros.auth.model import Role
from kyros.collab.errors import AgentExists, AgentNotFound
from kyros.collab.fake import FakeCollabStore
from kyros.collab.model import Agent, AgentStatus, Kind
from kyros.collab.model.registry import (
    AgentChange,
    AgentQuery,
    AgentRole,
    NewAgent,
    full_tag,
    settings_tag,
)
from kyros.collab.ports import Board, View
from kyros.collab.service import agents
from kyros.collab.service.agents import Agents, Minted
from kyros.collab.service.leases import Leases
from kyros.kernel.etag import PreconditionRequired, StaleTag
from tests.stand_ins import Clock, Outbox

Grant = tuple[Role | None, Mapping[str, Role]]


class Registry:
    """The rules over a store in memory, one call a transaction."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.outbox = Outbox()
        self.store = FakeCollabStore(self.outbox, self.clock)
        self.tokens = FakeTokens("ann")
        self.agents = Agents(self.store, self.tokens)
        self.leases = Leases(self.store)

    async def register(self, name: str = "bob", **more: Any) -> Agent:
        return (await self.minted(name, **more)).agent

    async def minted(self, name: str = "bob", **more: Any) -> Minted:
        return await self.agents.register(NewAgent(name, **more), "ann")

    def may(self, token: str) -> Grant:
        principal = self.tokens.principal_of(token)
        assert principal is not None
        return principal.role, principal.projects

    async def change(self, name: str, **fields: Any) -> Agent:
        def work(board: Board) -> Agent:
            return agents.change(board, agents.get(board, name), AgentChange(fields), "ann", self.tokens)

        return await self.store.write(work)

    async def set_available(self, name: str, available: bool) -> Agent:
        return await self.store.write(
            lambda board: agents.set_available(board, agents.get(board, name), available, "ann")
        )

    async def renew(self, name: str) -> str:
        return await self.store.write(
            lambda board: agents.renew_token(board, agents.get(board, name), "ann", self.tokens).token
        )

    async def remove(self, name: str) -> None:
        await self.store.write(
            lambda board: agents.remove(board, agents.get(board, name), "ann", self.tokens)
        )

    async def names(self, **query: Any) -> list[str]:
        found = await self.store.read(lambda view: agents.find(view, AgentQuery(**{"caller": "ann"} | query)))
        return [agent.name for agent in found]

    async def kept(self, name: str) -> Agent:
        """As it stands in the store."""
        return await self.store.read(lambda view: agents.get(view, name))


@pytest.fixture
def registry() -> Registry:
    return Registry()


async def test_a_registered_agent_is_there_with_its_event_and_its_token(registry: Registry) -> None:
    minted = await registry.minted(skills=("python",), profile="codex")
    agent = await registry.agents.get("bob")
    assert (agent.role, agent.skills, agent.profile, agent.projects) == ("agent", ("python",), "codex", ())
    assert (agent.status, agent.available, agent.last_seen, agent.version) == (
        AgentStatus.OFFLINE, True, None, 1,
    )  # fmt: skip
    assert registry.may(minted.token) == (Role.AGENT, {})
    (event,) = registry.outbox.events
    assert (event.event, event.actor, event.target) == ("agent_registered", "ann", "bob")
    assert minted.token not in str(event.details)


async def test_a_name_is_given_once(registry: Registry) -> None:
    await registry.register("bob")
    with pytest.raises(AgentExists) as refusal:
        await registry.register("bob")
    assert refusal.value.facts["name"] == "bob"
    assert registry.outbox.names() == ["agent_registered"]


@pytest.mark.parametrize(("name", "refusal"), [("ann", NameTaken), ("kyros", NameRefused)])
async def test_a_name_that_auth_refuses_leaves_nothing_behind(
    registry: Registry, name: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await registry.register(name)
    with pytest.raises(AgentNotFound):
        await registry.agents.get(name)
    assert registry.outbox.events == []


async def test_its_token_counts_in_its_projects_or_everywhere(registry: Registry) -> None:
    bob = await registry.minted("bob")
    eve = await registry.minted("eve", projects=("app", "lib"), role=AgentRole.MANAGER)
    assert registry.may(bob.token) == (Role.AGENT, {})
    assert registry.may(eve.token) == (None, {"app": Role.AGENT, "lib": Role.AGENT})


async def test_a_change_is_a_new_version_with_one_event_that_names_it(registry: Registry) -> None:
    old = await registry.register("bob", skills=("python",))
    registry.clock.advance(5)
    new = await registry.change("bob", skills=("go",), role="manager")
    assert (new.version, new.skills, new.role) == (2, ("go",), "manager")
    assert new.updated_at > old.updated_at == old.created_at == new.created_at
    event = registry.outbox.events[-1]
    assert event.event == "agent_changed"
    assert event.details == {
        "version": 2,
        "fields": ["role", "skills"],
        "old": {"role": "agent", "skills": ["python"]},
        "new": {"role": "manager", "skills": ["go"]},
    }


async def test_a_change_that_changes_nothing_tells_nobody(registry: Registry) -> None:
    old = await registry.register("bob", skills=("python",))
    assert await registry.change("bob", skills=("python",), role="agent") == old
    assert registry.outbox.names() == ["agent_registered"]


async def test_new_projects_reach_the_token_that_is_out(registry: Registry) -> None:
    token = (await registry.minted("bob")).token
    await registry.change("bob", projects=("app",))
    assert registry.may(token) == (None, {"app": Role.AGENT})
    await registry.change("bob", projects=())
    assert registry.may(token) == (Role.AGENT, {})


async def test_an_event_of_one_project_says_which(registry: Registry) -> None:
    await registry.register("bob", projects=("app",))
    await registry.register("eve", projects=("app", "lib"))
    await registry.register("joe")
    assert [event.details.get("project_id") for event in registry.outbox.events] == ["app", None, None]


async def test_availability_is_toggled_with_an_event_each_time_it_changes(registry: Registry) -> None:
    await registry.register("bob")
    assert (await registry.set_available("bob", False)).available is False
    assert (await registry.set_available("bob", False)).version == 2
    assert (await registry.set_available("bob", True)).version == 3
    said = [event.details["available"] for event in registry.outbox.events[1:]]
    assert said == [False, True]


async def test_a_new_token_kills_the_old_one(registry: Registry) -> None:
    old = (await registry.minted("bob", projects=("app",))).token
    new = await registry.renew("bob")
    assert registry.tokens.principal_of(old) is None
    assert registry.may(new) == (None, {"app": Role.AGENT})
    assert registry.outbox.names() == ["agent_registered", "agent_token_renewed"]


async def test_a_removed_agent_leaves_neither_token_nor_lease_nor_place_in_line(registry: Registry) -> None:
    bob, bobby = [(await registry.minted(name)).token for name in ("bob", "bobby")]
    await registry.leases.acquire(["lock-a"], "bob", 60)
    await registry.leases.acquire(["lock-b"], "bobby", 60)
    await registry.store.write(lambda board: board.add_waiter("bob", ["lock-b"], registry.clock()))
    await registry.remove("bob")
    assert registry.tokens.principal_of(bob) is None
    assert registry.tokens.principal_of(bobby) is not None
    held = await registry.store.read(lambda view: view.all_leases())
    assert [lease.holder for lease in held] == ["bobby"]
    assert await registry.store.read(lambda view: view.waiters()) == []
    with pytest.raises(AgentNotFound):
        await registry.agents.get("bob")
    assert registry.outbox.names()[-2:] == ["lease_reclaimed", "agent_removed"]
    assert (await registry.register("bob")).version == 1


async def test_it_works_while_it_holds_a_live_lease(registry: Registry) -> None:
    await registry.register("bob")
    await registry.leases.acquire(["lock-a"], "bobby", 60)
    assert (await registry.agents.get("bob")).status is AgentStatus.OFFLINE
    await registry.leases.acquire(["lock-b"], "bob", 60)
    assert (await registry.agents.get("bob")).status is AgentStatus.WORKING
    registry.clock.advance(60)
    assert (await registry.agents.get("bob")).status is AgentStatus.OFFLINE


async def test_it_is_offline_ten_minutes_after_its_last_word(registry: Registry) -> None:
    await registry.register("bob")
    await registry.agents.saw("bob")
    registry.clock.advance(599)
    assert (await registry.agents.get("bob")).status is AgentStatus.IDLE
    registry.clock.advance(1)
    assert (await registry.agents.get("bob")).status is AgentStatus.OFFLINE


async def test_a_word_is_noted_once_a_minute_without_version_or_event(registry: Registry) -> None:
    await registry.register("bob")
    await registry.agents.saw("bob")
    first = await registry.kept("bob")
    registry.clock.advance(59)
    await registry.agents.saw("bob")
    assert await registry.kept("bob") == first
    registry.clock.advance(1)
    await registry.agents.saw("bob")
    second = await registry.kept("bob")
    assert second.last_seen is not None
    assert first.last_seen is not None
    assert second.last_seen > first.last_seen
    assert second.version == first.version == 1
    assert registry.outbox.names() == ["agent_registered"]


async def test_a_clock_set_back_keeps_nobody_alive(registry: Registry) -> None:
    await registry.register("bob")
    await registry.agents.saw("bob")
    registry.clock.advance(-3_600)
    assert (await registry.agents.get("bob")).status is AgentStatus.OFFLINE
    await registry.agents.saw("bob")
    assert (await registry.agents.get("bob")).status is AgentStatus.IDLE


async def test_hearing_of_somebody_unknown_is_nothing(registry: Registry) -> None:
    await registry.agents.saw("nobody")
    assert await registry.names() == []


async def test_who_went_offline_is_written_down_once(registry: Registry) -> None:
    await registry.register("bob")
    await registry.agents.saw("bob")
    registry.clock.advance(600)
    await registry.agents.settle()
    assert (await registry.kept("bob")).status is AgentStatus.OFFLINE
    before = await registry.store.read(lambda view: view.revision(Kind.AGENTS))
    await registry.agents.settle()
    assert await registry.store.read(lambda view: view.revision(Kind.AGENTS)) == before


async def match(registry: Registry, header: str | None) -> None:
    def read(view: View) -> None:
        agents.match(view, agents.get(view, "bob"), header)

    await registry.store.read(read)


async def test_a_change_is_made_on_what_people_set_whatever_the_agent_does_meanwhile(
    registry: Registry,
) -> None:
    tag = full_tag(await registry.register("bob"))
    await registry.agents.saw("bob")
    seen = await registry.agents.get("bob")
    assert full_tag(seen) != tag
    await match(registry, tag)
    await match(registry, full_tag(seen))
    await match(registry, settings_tag(seen))
    await match(registry, (await registry.store.read(lambda view: view.revision(Kind.AGENTS))).etag)
    await registry.change("bob", role="manager")
    with pytest.raises(StaleTag) as refusal:
        await match(registry, tag)
    assert refusal.value.facts["etag"] == full_tag(await registry.agents.get("bob"))


async def test_a_change_must_say_what_it_was_made_on_and_never_weakly(registry: Registry) -> None:
    tag = full_tag(await registry.register("bob"))
    with pytest.raises(PreconditionRequired):
        await match(registry, None)
    with pytest.raises(StaleTag):
        await match(registry, f"W/{tag}")


async def test_agents_are_found_by_what_they_are(registry: Registry) -> None:
    await registry.register("bob", skills=("python", "go"))
    await registry.register("eve", role=AgentRole.MANAGER, projects=("app",))
    await registry.register("joe", skills=("go",), projects=("lib",))
    await registry.set_available("joe", False)
    await registry.agents.saw("eve")
    assert await registry.names() == ["bob", "eve", "joe"]
    assert await registry.names(role=AgentRole.MANAGER) == ["eve"]
    assert await registry.names(skill="go") == ["bob", "joe"]
    assert await registry.names(status=AgentStatus.IDLE) == ["eve"]
    assert await registry.names(available=False) == ["joe"]
    assert await registry.names(project="app") == ["bob", "eve"]
    assert await registry.names(after="bob", limit=1) == ["eve"]


async def test_who_sees_one_project_sees_its_agents_and_themselves(registry: Registry) -> None:
    await registry.register("bob", projects=("app",))
    await registry.register("eve", projects=("lib",))
    await registry.register("joe")
    assert await registry.names(projects=frozenset({"app"})) == ["bob", "joe"]
    assert await registry.names(projects=frozenset({"app"}), caller="eve") == ["bob", "eve", "joe"]
    assert await registry.names(projects=frozenset()) == []


def test_the_etag_of_what_people_set_is_another_with_each_of_them() -> None:
    agent = NewAgent("bob").made(Clock()())
    others = [
        replace(agent, role="manager"),
        replace(agent, skills=("go",)),
        replace(agent, profile="codex"),
        replace(agent, projects=("app",)),
        replace(agent, available=False),
        replace(agent, version=2),
    ]
    assert len({settings_tag(one) for one in [agent, *others]}) == 7
    here = replace(agent, status=AgentStatus.IDLE, last_seen=agent.created_at)
    assert settings_tag(here) == settings_tag(agent)
    assert full_tag(here) != full_tag(agent)
