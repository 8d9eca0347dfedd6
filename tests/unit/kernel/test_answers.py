"""What an Idempotency-Key is bound to: a caller, and every part of the request it came with."""

from typing import Any

import pytest

from kyros.kernel.answers import KeyReused, Once, refuse_reuse

SENT: dict[str, Any] = {
    "who": "ann",
    "key": "k",
    "method": "POST",
    "path": "/api/collab/tasks",
    "query": "dry=1",
    "body": b"{}",
}


def once(**other: Any) -> Once:
    return Once.of(**(SENT | other))


def test_the_same_request_has_the_same_digest_whoever_sends_it_under_whichever_key() -> None:
    assert once() == once()
    assert once(who="bob", key="other") == Once("bob", "other", once().digest)
    refuse_reuse(once(), once(who="bob").digest)


@pytest.mark.parametrize(
    "other",
    [
        {"method": "PATCH"},
        {"path": "/api/collab/events"},
        {"query": ""},
        {"body": b"{ }"},
        {"path": "/api/collab/tasks?dry=1", "query": ""},
        {"query": "dry=1\n", "body": b"{}"},
    ],
    ids=["method", "path", "query", "body", "query within the path", "line end in the query"],
)
def test_any_other_part_makes_another_request(other: dict[str, Any]) -> None:
    with pytest.raises(KeyReused):
        refuse_reuse(once(**other), once().digest)
