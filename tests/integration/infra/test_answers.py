"""Answers kept under idempotency keys, on each database."""

from datetime import UTC, datetime, timedelta

import pytest

from kyros.infra.answers import KEPT_DAYS, recall, remember
from kyros.infra.db import Database
from kyros.kernel.answers import Answer, KeyReused, Once

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ANSWER = Answer(201, '{"id":"grün"}', {"ETag": '"1-a"'})


async def test_an_answer_is_recalled_whole_by_its_caller_and_key(any_database: Database) -> None:
    once = Once("ann", "k", "d")
    await any_database.write(lambda connection: remember(connection, once, ANSWER, NOW))
    assert await any_database.read(lambda connection: recall(connection, once)) == ANSWER
    for other in (Once("bob", "k", "d"), Once("ann", "k2", "d")):
        assert await any_database.read(lambda connection, once=other: recall(connection, once)) is None  # type: ignore[misc]


async def test_a_key_with_another_request_is_refused(any_database: Database) -> None:
    await any_database.write(lambda connection: remember(connection, Once("ann", "k", "d"), ANSWER, NOW))
    with pytest.raises(KeyReused):
        await any_database.read(lambda connection: recall(connection, Once("ann", "k", "other")))


async def test_an_answer_is_kept_for_its_days_and_no_longer(any_database: Database) -> None:
    old, young = Once("ann", "old", "d"), Once("ann", "young", "d")
    later = NOW + timedelta(days=KEPT_DAYS, seconds=1)
    await any_database.write(lambda connection: remember(connection, old, ANSWER, NOW))
    await any_database.write(
        lambda connection: remember(connection, young, ANSWER, NOW + timedelta(seconds=1))
    )
    await any_database.write(lambda connection: remember(connection, Once("bob", "k", "d"), ANSWER, later))
    assert await any_database.read(lambda connection: recall(connection, old)) is None
    assert await any_database.read(lambda connection: recall(connection, young)) == ANSWER
