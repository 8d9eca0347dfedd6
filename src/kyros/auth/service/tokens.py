"""Tokens of agents: one each, given out by the room that registers them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from kyros.auth.errors import NameTaken
from kyros.auth.model import AgentToken, PrincipalKind, Role, check_name, digest_of_token, new_secret
from kyros.auth.model.token import AGENT_PREFIX
from kyros.auth.ports import AuthStore
from kyros.kernel.clock import to_text


class AgentTokens:
    """ports.Tokens. The room that registers agents tells the events."""

    def __init__(self, store: AuthStore) -> None:
        self._store = store

    def mint_in(
        self,
        transaction: Any,
        kind: Literal["agent"],
        name: str,
        role: Role | None,
        projects: Mapping[str, Role],
    ) -> str:
        check_name(name)
        ledger = self._store.ledger(transaction)
        if ledger.kind_of(name) not in (None, PrincipalKind(kind)):
            raise NameTaken(f"The name {name} is, or was, somebody else's: choose another.", name=name)
        plain = new_secret(AGENT_PREFIX)
        ledger.take_name(name, PrincipalKind(kind))
        at = to_text(ledger.now)
        ledger.put_agent_token(AgentToken(name, digest_of_token(plain), role, dict(projects), at))
        ledger.changed()
        return plain

    def grant_in(self, transaction: Any, name: str, role: Role | None, projects: Mapping[str, Role]) -> None:
        ledger = self._store.ledger(transaction)
        token = ledger.agent_token(name)
        if token is not None:
            ledger.put_agent_token(replace(token, role=role, projects=dict(projects)))
            ledger.changed()

    def revoke_in(self, transaction: Any, name: str) -> None:
        ledger = self._store.ledger(transaction)
        ledger.drop_agent_token(name)
        ledger.changed()
