"""What may be done with an agent: register it, change it, give it a new token, hear of it, remove it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from kyros.auth.model import Role
from kyros.auth.ports import Tokens
from kyros.collab.errors import AgentExists, AgentNotFound
from kyros.collab.model import Agent, Kind, Lease, Reclaim
from kyros.collab.model.registry import (
    SEEN_EVERY,
    AgentChange,
    AgentQuery,
    NewAgent,
    agent_availability_changed,
    agent_changed,
    agent_registered,
    agent_removed,
    agent_token_renewed,
    changed_settings,
    full_tag,
    rewritten,
    settings_tag,
    status_of,
)
from kyros.collab.ports import Board, CollabStore, View
from kyros.collab.service.holding import take_back
from kyros.collab.service.state import state_tag
from kyros.kernel.clock import from_text, to_text
from kyros.kernel.etag import require_match, required, unmarked


@dataclass(frozen=True)
class Minted:
    """An agent and its token, which nobody is told again."""

    agent: Agent
    token: str


def get(view: View, name: str) -> Agent:
    """As it stands in the store. Raises AgentNotFound."""
    agent = view.agent(name)
    if agent is None:
        raise not_there(name)
    return agent


def not_there(name: str) -> AgentNotFound:
    """Also for those whom it is hidden from."""
    return AgentNotFound(f"There is no agent {name}: `kyros agent list` shows those there are.", name=name)


def shown(view: View, agent: Agent) -> Agent:
    """Its status as of now."""
    holds = any(lease.holder == agent.name for lease in _live(view.leases_by(agent.name), view.now))
    return replace(agent, status=status_of(agent, holds, view.now))


def find(view: View, query: AgentQuery) -> Sequence[Agent]:
    """By name, their status as of now."""
    found = (agent for agent in _all_shown(view) if query.matches(agent))
    return list(islice(found, query.limit))


def match(view: View, agent: Agent, if_match: str | None, projects: frozenset[str] | None = None) -> None:
    """Whether the change was made on what is there: If-Match names the agent's etag, whatever it said of its
    presence, or that of all agents in `projects`. Raises PreconditionRequired, StaleTag."""
    header = unmarked(required(if_match))
    all_agents = state_tag(view, Kind.AGENTS, projects)
    require_match(header, full_tag(shown(view, agent)), settings_tag(agent), agent.etag, all_agents)


def register(board: Board, new: NewAgent, actor: str, tokens: Tokens) -> Minted:
    """Available, and offline until its first word. Raises AgentExists, NameRefused, and
    NameTaken when a person or a key has the name."""
    if board.agent(new.name) is not None:
        raise AgentExists(
            f"There is an agent {new.name} already: choose another name, or renew its token.", name=new.name
        )
    agent = new.made(board.now)
    board.put_agent(agent)
    board.tell(agent_registered(agent, actor))
    return Minted(agent, _mint(board, agent, tokens))


def change(board: Board, agent: Agent, wanted: AgentChange, actor: str, tokens: Tokens) -> Agent:
    """Change what people set; its token counts in its new projects from now on. A change that changes nothing
    leaves the version as it is and tells nobody."""
    changed = rewritten(agent, board.now, **wanted.fields)
    fields = changed_settings(agent, changed)
    if not fields:
        return agent
    board.put_agent(changed)
    board.tell(agent_changed(agent, changed, actor))
    if "projects" in fields:
        tokens.grant_in(board.transaction, changed.name, *_rights(changed))
    return changed


def set_available(board: Board, agent: Agent, available: bool, actor: str) -> Agent:
    """Whether it takes work. What is so already is left alone."""
    if agent.available is available:
        return agent
    changed = rewritten(agent, board.now, available=available)
    board.put_agent(changed)
    board.tell(agent_availability_changed(changed, actor))
    return changed


def renew_token(board: Board, agent: Agent, actor: str, tokens: Tokens) -> Minted:
    """The old one dies."""
    board.tell(agent_token_renewed(agent, actor))
    return Minted(agent, _mint(board, agent, tokens))


def remove(board: Board, agent: Agent, actor: str, tokens: Tokens) -> None:
    """Its token dies, what it held is free, its place in any line is gone. What it did stays in the log."""
    tokens.revoke_in(board.transaction, agent.name)
    held = [lease for lease in board.leases_by(agent.name) if lease.holder == agent.name]
    take_back(board, held, actor, Reclaim.HOLDER_GONE)
    for waiter in board.waiters():
        if waiter.holder == agent.name:
            board.drop_waiter(waiter.ticket)
    board.drop_agent(agent.name)
    board.tell(agent_removed(agent, actor))


def saw(board: Board, name: str) -> None:
    """It was heard of just now; noted once a minute, without a new version and without an event."""
    agent = board.agent(name)
    if agent is None or _is_fresh(agent, board.now):
        return
    seen = shown(board, replace(agent, last_seen=to_text(board.now)))
    board.put_agent(seen)


class Agents:
    """The registry, for other rooms and for the wiring; the doors use the functions above."""

    def __init__(self, store: CollabStore, tokens: Tokens) -> None:
        self.store = store
        self.tokens = tokens

    async def register(self, new: NewAgent, actor: str) -> Minted:
        """As the function `register`."""
        return await self.store.write(lambda board: register(board, new, actor, self.tokens))

    async def get(self, name: str) -> Agent:
        """Raises AgentNotFound."""
        return await self.store.read(lambda view: shown(view, get(view, name)))

    async def saw(self, name: str) -> None:
        """As the function `saw`."""
        await self.store.write(lambda board: saw(board, name))

    async def settle(self) -> None:
        """Write down who has gone offline or begun or ended work since; call it once a minute."""
        if await self.store.read(lambda view: list(_unsettled(view))):
            await self.store.write(_settle)


def _mint(board: Board, agent: Agent, tokens: Tokens) -> str:
    role, projects = _rights(agent)
    return tokens.mint_in(board.transaction, "agent", agent.name, role, projects)


def _rights(agent: Agent) -> tuple[Role | None, Mapping[str, Role]]:
    """Those of an agent, everywhere or in its projects alone; a manager has no others."""
    return None if agent.projects else Role.AGENT, dict.fromkeys(agent.projects, Role.AGENT)


def _settle(board: Board) -> None:
    for agent in list(_unsettled(board)):
        board.put_agent(agent)


def _unsettled(view: View) -> Iterable[Agent]:
    kept = {agent.name: agent.status for agent in view.all_agents()}
    return (agent for agent in _all_shown(view) if agent.status is not kept[agent.name])


def _all_shown(view: View) -> Iterable[Agent]:
    holders = {lease.holder for lease in _live(view.all_leases(), view.now)}
    for agent in view.all_agents():
        yield replace(agent, status=status_of(agent, agent.name in holders, view.now))


def _live(leases: Iterable[Lease], now: datetime) -> Iterable[Lease]:
    return (lease for lease in leases if lease.is_live(now))


def _is_fresh(agent: Agent, now: datetime) -> bool:
    return agent.last_seen is not None and abs(now - from_text(agent.last_seen)) < SEEN_EVERY
