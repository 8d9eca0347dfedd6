"""Idempotency keys: the same key and request get the same answer, and have no second effect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from kyros.kernel.errors import Invalid


class KeyReused(Invalid):
    """The key came before with another request."""

    code = "idempotency_key_reused"


@dataclass(frozen=True)
class Once:
    """A key as its caller knows it: `who` sent it; `digest` stands for method, path, query and body."""

    who: str
    key: str
    digest: str

    @classmethod
    def of(cls, who: str, key: str, method: str, path: str, query: str, body: bytes) -> "Once":
        digest = sha256(f"{method} {path}?{query}\n".encode())
        digest.update(body)
        return cls(who, key, digest.hexdigest())


@dataclass(frozen=True)
class Answer:
    """What was answered: a status, headers and the body as JSON text."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


def refuse_reuse(once: Once, known_digest: str) -> None:
    """Raise KeyReused unless the key came with this very request."""
    if known_digest != once.digest:
        raise KeyReused("This Idempotency-Key came before with another request: use a new key.", key=once.key)
