"""Rate limits at the gate: what is told, what is refused, and Redis between servers, or away."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from kyros.auth.adapters import LimitedRates, open_rates
from kyros.auth.errors import RateRefused
from kyros.auth.model import Role
from kyros.infra.db import Database
from tests.integration.auth.conftest import TOKEN, Rooms, Visitor, build
from tests.stand_ins import Clock

FEW = {"read": "5/minute", "write": "3/minute", "sign-in": "2/minute"}


@pytest.fixture
def rooms(database: Database, clock: Clock) -> Rooms:
    return Rooms(database, clock, FEW)


async def test_each_answer_says_what_is_left(owner: Visitor) -> None:
    read = await owner("GET", "/api/runs")
    assert read.headers["RateLimit-Policy"] == '"read";q=5;w=60'
    assert read.headers["RateLimit"].startswith('"read";r=4;t=')
    write = await owner("POST", "/api/slurp")
    assert write.headers["RateLimit-Policy"] == '"write";q=3;w=60'
    assert write.headers["RateLimit"].startswith('"write";r=2;t=')


async def test_public_pages_count_nothing(app: ASGIApp) -> None:
    for _ in range(20):
        answer = await Visitor(app)("GET", "/healthz")
    assert answer.status_code == 200
    assert "RateLimit" not in answer.headers


async def test_beyond_its_rate_a_caller_waits_and_others_do_not(
    owner: Visitor, app: ASGIApp, rooms: Rooms
) -> None:
    for _ in range(3):
        assert (await owner("POST", "/api/slurp")).status_code == 200
    refused = await owner("POST", "/api/slurp")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit"].startswith('"write";r=0;t=')
    assert (await owner("GET", "/api/runs")).status_code == 200
    token = await rooms.store._database.write(
        lambda transaction: rooms.agents.mint_in(transaction, "agent", "bot", Role.AGENT, {})
    )
    assert (await Visitor(app, token)("POST", "/api/slurp")).status_code == 200


async def test_who_brings_no_token_that_is_known_is_counted_by_address(app: ASGIApp, owner: Visitor) -> None:
    stranger = Visitor(app, "kyros_key_made-up")
    assert [(await stranger("GET", "/api/runs")).status_code for _ in range(3)] == [401] * 3
    assert [(await Visitor(app)("POST", "/api/slurp")).status_code for _ in range(2)] == [401] * 2
    refused = await stranger("GET", "/api/runs")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert int(refused.headers["Retry-After"]) >= 1
    assert (await owner("GET", "/api/runs")).status_code == 200


async def test_sign_ins_are_counted_by_address(app: ASGIApp) -> None:
    visitor = Visitor(app)
    codes = [(await visitor.sign_in(f"name-{number}")).json()["code"] for number in range(3)]
    assert codes == ["sign_in_failed", "sign_in_failed", "too_many_requests"]


async def test_once_the_window_is_over_it_goes_on(database: Database, clock: Clock) -> None:
    rooms = Rooms(database, clock, {**FEW, "read": "2/second"})
    visitor = Visitor(build(rooms), TOKEN)
    answers = [await visitor("GET", "/api/runs") for _ in range(20)]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["Retry-After"] == "1"
    for _ in range(100):
        if (await visitor("GET", "/api/runs")).status_code == 200:
            return
        await asyncio.sleep(0.05)
    pytest.fail("nobody was let in again")


async def test_one_callers_flood_spends_no_other_callers_rate(admin: Visitor, owner: Visitor) -> None:
    for _ in range(10):
        await owner("GET", "/api/runs")
    assert (await admin("GET", "/api/runs")).status_code == 200


@pytest.fixture
async def shared(redis_url: str) -> AsyncIterator[tuple[LimitedRates, LimitedRates]]:
    """Two servers' counters on one Redis."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    first, second = open_rates(FEW, redis_url), open_rates(FEW, redis_url)
    yield first, second
    await first.close()
    await second.close()


async def test_two_servers_on_one_redis_count_together(shared: tuple[LimitedRates, LimitedRates]) -> None:
    first, second = shared
    spent = [(await one.take("write", "ada")).is_spent for one in (first, second, first, second)]
    assert spent == [False, False, False, True]
    left = await second.take("write", "bea")
    assert (left.remaining, left.quota, left.window_seconds, left.is_spent) == (2, 3, 60, False)


async def test_while_redis_is_away_each_counts_alone_and_says_so_once() -> None:
    rates = open_rates(FEW, "redis://:s3cret@127.0.0.1:1/0")
    with capture_logs() as said:
        spent = [(await rates.take("write", "ada")).is_spent for _ in range(4)]
        rates._away_until = 0.0
        assert (await rates.take("write", "ada")).is_spent
    await rates.close()
    assert spent == [False, False, False, True]
    assert [line["event"] for line in said] == ["Redis is away: this server counts requests alone"]
    assert "s3cret" not in repr(said)


async def test_redis_that_comes_back_counts_again(redis_url: str) -> None:
    rates = open_rates(FEW, redis_url)
    rates._is_away, rates._away_until = True, 0.0
    assert not (await rates.take("read", "somebody-new")).is_spent
    assert rates._is_away is False
    await rates.close()


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", "redis://host:port/x", "://"])
def test_an_address_that_cannot_be_used_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(RateRefused) as refused:
        open_rates(FEW, url.replace("//", "//:s3cret@"))
    assert "s3cret" not in str(refused.value)
