"""Agents in a history: registered, changed, heard of, removed."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from kyros.collab.model.registry import AgentChange, NewAgent
from kyros.collab.ports import Board
from kyros.collab.service import agents
from tests.contract.collab.history_model import Hand
from tests.contract.collab.history_sides import Side
from tests.contract.collab.history_steps import Rule, Steps

AGENTS = st.sampled_from(["bo", "cy"])


class AgentRules(Steps):
    @rule(name=AGENTS, projects=st.sampled_from([[], ["p"], ["p", "q"]]))
    def register(self, name: str, projects: list[str]) -> None:
        wrong = {"agent_exists"} if name in self.world.agents else set()

        async def one(side: Side) -> str:
            return (await side.agents.register(NewAgent(name, projects=projects), "ada")).agent.name

        if self.attempt(wrong, one) is not None:
            hand = self.world.agents[name] = Hand(name, projects)
            about = {"role": "agent", "skills": [], "profile": None, "projects": projects}
            self.world.tell_of("agent_registered", hand, "ada", **about)

    @rule(
        name=AGENTS, skills=st.sampled_from([[], ["sql"]]), projects=st.sampled_from([[], ["p"]]),
        fresh=st.booleans(),
    )  # fmt: skip
    def change_agent(self, name: str, skills: list[str], projects: list[str], fresh: bool) -> None:
        hand = self.world.agents.get(name)
        tag = self.state["present"][name][0] if hand and fresh else '"0-00"'
        wrong = {"agent_not_found"} if hand is None else set() if fresh else {"stale_etag"}
        wanted = {"skills": tuple(skills), "projects": tuple(projects)}

        def work(side: Side) -> Rule:
            def change(board: Board) -> bool:
                agent = agents.get(board, name)
                agents.match(board, agent, tag)
                agents.change(board, agent, AgentChange(wanted), "ada", side.agents.tokens)
                return True

            return change

        if self.attempt(wrong, lambda side: side.store.write(work(side))) is not None:
            assert hand is not None
            new = {"skills": skills, "projects": projects}
            fields = [one for one in new if getattr(hand, one) != new[one]]
            if fields:
                old = {one: getattr(hand, one) for one in fields}
                hand.skills, hand.projects, hand.version = skills, projects, hand.version + 1
                told = {"fields": fields, "old": old, "new": {one: new[one] for one in fields}}
                self.world.tell_of("agent_changed", hand, "ada", **told)

    @rule(name=AGENTS, what=st.sampled_from(["saw", "saw", "on", "off", "renew", "remove"]))
    def agent_lives(self, name: str, what: str) -> None:
        hand = self.world.agents.get(name)
        wrong = {"agent_not_found"} if hand is None and what != "saw" else set()

        def work(side: Side) -> Rule:
            def live(board: Board) -> bool:
                if what == "saw":
                    agents.saw(board, name)
                    return True
                agent, tokens = agents.get(board, name), side.agents.tokens
                if what == "renew":
                    agents.renew_token(board, agent, "ada", tokens)
                elif what == "remove":
                    agents.remove(board, agent, "ada", tokens)
                else:
                    agents.set_available(board, agent, what == "on", "ada")
                return True

            return live

        if self.attempt(wrong, lambda side: side.store.write(work(side))) and hand is not None:
            self._lived(hand, what)

    def _lived(self, hand: Hand, what: str) -> None:
        world = self.world
        if what == "saw":
            if hand.seen is None or abs(world.now - hand.seen) >= timedelta(minutes=1):
                hand.seen = world.now
        elif what == "renew":
            world.tell_of("agent_token_renewed", hand, "ada")
        elif what == "remove":
            for lock in [lock for lock in world.locks if lock.holder == hand.name]:
                world.take_back(lock, "ada", "holder_gone")
            del world.agents[hand.name]
            world.tell_of("agent_removed", hand, "ada")
        elif hand.available is not (what == "on"):
            hand.available, hand.version = what == "on", hand.version + 1
            world.tell_of("agent_availability_changed", hand, "ada", available=hand.available)

    @rule()
    def agents_settle(self) -> None:
        self.everywhere(lambda side: side.agents.settle())
