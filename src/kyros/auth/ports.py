"""What auth promises to other rooms, and what it needs of the world."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

from kyros.auth.model import (
    AgentToken,
    ApiKey,
    Person,
    PrincipalKind,
    RefreshToken,
    Role,
    Session,
)
from kyros.events.model import NewEvent

T = TypeVar("T")


class Tokens(Protocol):
    """Tokens of agents, for the room that registers them."""

    def mint_in(
        self,
        transaction: Any,
        kind: Literal["agent"],
        name: str,
        role: Role | None,
        projects: Mapping[str, Role],
    ) -> str:
        """A new token, plain, this once; one given out before is dead from then on. All of it stands or
        falls with the transaction. Raises NameRefused, NameTaken (a person, a key or a part of Kyros has or
        had the name)."""
        ...

    def grant_in(self, transaction: Any, name: str, role: Role | None, projects: Mapping[str, Role]) -> None:
        """The agent's token stays what it is and counts there from then on; none there is fine."""
        ...

    def revoke_in(self, transaction: Any, name: str) -> None:
        """The agent's token is dead from then on; none there is fine. Its name stays its own."""
        ...


class Ledger(Protocol):
    """Auth's rows in one transaction. Nothing here raises for what is not there."""

    @property
    def now(self) -> datetime: ...

    def kind_of(self, name: str) -> PrincipalKind | None:
        """Whose name it is, or was."""
        ...

    def take_name(self, name: str, kind: PrincipalKind) -> None:
        """For ever. The name must be free, or of this kind already."""
        ...

    def person(self, name: str) -> Person | None: ...

    def people(self, after: str, limit: int) -> Sequence[Person]:
        """By name, beyond `after`."""
        ...

    def has_people(self) -> bool: ...

    def admins(self) -> Sequence[str]:
        """Names of those who are not disabled."""
        ...

    def put_person(self, person: Person) -> None:
        """New, or in place of the one with their name."""
        ...

    def session(self, session_id: str) -> Session | None: ...

    def add_session(self, session: Session) -> None: ...

    def end_session(self, session_id: str) -> None: ...

    def end_sessions_of(self, person: str) -> None: ...

    def refresh_token(self, digest: str) -> RefreshToken | None: ...

    def add_refresh_token(self, token: RefreshToken) -> None: ...

    def spend_refresh_token(self, digest: str) -> None: ...

    def drop_expired(self) -> None:
        """Sessions and refresh tokens that nobody can use any more."""
        ...

    def key(self, key_id: str) -> ApiKey | None: ...

    def key_by_digest(self, digest: str) -> ApiKey | None: ...

    def keys(self, owner: str | None, after: str, limit: int) -> Sequence[ApiKey]:
        """By id, beyond `after`; of everybody when `owner` is None."""
        ...

    def keys_named(self, name: str) -> Sequence[ApiKey]: ...

    def put_key(self, key: ApiKey) -> None: ...

    def agent_token(self, name: str) -> AgentToken | None: ...

    def agent_token_by_digest(self, digest: str) -> AgentToken | None: ...

    def put_agent_token(self, token: AgentToken) -> None:
        """In place of the one of this agent, if any."""
        ...

    def drop_agent_token(self, name: str) -> None: ...

    def tell(self, *events: NewEvent) -> None:
        """Append to the log in this very transaction."""
        ...

    def changed(self) -> None:
        """Who may do what is not as it was: whoever remembers principals forgets them once this stands."""
        ...


class AuthStore(Protocol):
    async def read(self, work: Callable[[Ledger], T]) -> T: ...

    async def write(self, work: Callable[[Ledger], T]) -> T:
        """Run `work`; when this returns, it is durable. Raises what `work` raises."""
        ...

    def ledger(self, transaction: Any) -> Ledger:
        """In another store's transaction: both stand or fall together."""
        ...


class Passwords(Protocol):
    async def hash(self, password: str) -> str:
        """Raises SignInBusy."""
        ...

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Takes as long for None, which nothing matches. Raises SignInBusy."""
        ...


@dataclass(frozen=True)
class SigningKey:
    """`id` is told in each token that the key signed."""

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Allowance:
    """What is left of a limit. `policy` is its name, `quota` requests in `window_seconds`."""

    policy: str
    quota: int
    window_seconds: int
    remaining: int
    reset_seconds: int
    is_spent: bool


class Rates(Protocol):
    """Counts requests. Never raises for what is broken behind it."""

    async def take(self, policy: str, who: str) -> Allowance:
        """One request of `who` under `policy`: read, write or sign-in."""
        ...
