"""The Tokens port in memory, for tests of the rooms above. Transactions make no difference to it."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Literal

from kyros.auth.errors import NameTaken
from kyros.auth.model import AgentToken, Principal, Role, check_name, digest_of_token
from kyros.auth.model.token import AGENT_PREFIX


class FakeTokens:
    """`taken` are names of others: people and keys."""

    def __init__(self, *taken: str) -> None:
        self._taken = frozenset(taken)
        self._tokens: dict[str, AgentToken] = {}
        self._numbers = count(1)

    def mint_in(
        self,
        transaction: Any,
        kind: Literal["agent"],
        name: str,
        role: Role | None,
        projects: Mapping[str, Role],
    ) -> str:
        check_name(name)
        if name in self._taken:
            raise NameTaken(f"The name {name} is, or was, somebody else's: choose another.", name=name)
        plain = f"{AGENT_PREFIX}{next(self._numbers):043}"
        self._tokens[name] = AgentToken(name, digest_of_token(plain), role, dict(projects), "")
        return plain

    def grant_in(self, transaction: Any, name: str, role: Role | None, projects: Mapping[str, Role]) -> None:
        if name in self._tokens:
            self._tokens[name] = replace(self._tokens[name], role=role, projects=dict(projects))

    def revoke_in(self, transaction: Any, name: str) -> None:
        self._tokens.pop(name, None)

    def principal_of(self, token: str) -> Principal | None:
        """Whom a token stands for; None once it is dead."""
        found = [one for one in self._tokens.values() if one.digest == digest_of_token(token)]
        return found[0].principal if found else None
