"""Requests counted with `limits`: in memory, or in Redis so that several servers count together."""

import asyncio
import math
import time
from collections.abc import Mapping

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError

from kyros.auth.errors import RateRefused
from kyros.auth.ports import Allowance
from kyros.infra.telemetry import get_log

_REDIS_SECONDS = 0.25
_AGAIN_SECONDS = 5.0
_SCHEMES = ("redis://", "rediss://", "redis+unix://")


class LimitedRates:
    """The Rates port. While Redis is away each server counts alone, and looks for it now and then."""

    def __init__(self, rates: Mapping[str, str], redis: RedisStorage | None = None) -> None:
        self._items = {policy: _item(rate) for policy, rate in rates.items()}
        # One storage each: it walks through all it holds now and then, and addresses may be many.
        self._own = {policy: SlidingWindowCounterRateLimiter(MemoryStorage()) for policy in rates}
        self._redis = redis
        self._shared = None if redis is None else SlidingWindowCounterRateLimiter(redis)
        self._away_until = 0.0
        self._is_away = False

    async def take(self, policy: str, who: str) -> Allowance:
        if self._shared is not None and time.monotonic() >= self._away_until:
            try:
                async with asyncio.timeout(_REDIS_SECONDS):
                    found = await self._take(self._shared, policy, who)
            except (StorageError, TimeoutError) as error:
                self._away(error)
            else:
                self._is_back()
                return found
        return await self._take(self._own[policy], policy, who)

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.bridge.storage.aclose()  # type: ignore[attr-defined]  # the bridge hides its client

    async def _take(self, limiter: SlidingWindowCounterRateLimiter, policy: str, who: str) -> Allowance:
        item = self._items[policy]
        allowed = await limiter.hit(item, policy, who)
        reset_time, remaining = await limiter.get_window_stats(item, policy, who)
        reset = max(1, math.ceil(reset_time - time.time()))
        return Allowance(policy, item.amount, item.get_expiry(), remaining, reset, not allowed)

    def _away(self, error: Exception) -> None:
        self._away_until = time.monotonic() + _AGAIN_SECONDS
        if not self._is_away:
            self._is_away = True
            get_log("kyros.auth").warning(
                "Redis is away: this server counts requests alone", error=type(error).__name__
            )

    def _is_back(self) -> None:
        if self._is_away:
            self._is_away = False
            get_log("kyros.auth").info("Redis is back: servers count requests together")


def open_rates(rates: Mapping[str, str], redis_url: str) -> LimitedRates:
    """`rates` by policy, as `6000/minute`; no URL counts in memory. Raises RateRefused."""
    if not redis_url:
        return LimitedRates(rates)
    if not redis_url.startswith(_SCHEMES):
        raise RateRefused(
            "KYROS_REDIS_URL cannot be used: write it as redis://USER:PASSWORD@HOST:PORT/0, or leave it "
            "empty."
        )
    try:
        redis = RedisStorage(
            f"async+{redis_url}", wrap_exceptions=True, implementation="redispy", key_prefix="kyros:rates"
        )
    except Exception as error:  # whatever the driver finds wrong with the address, which holds a secret
        raise RateRefused("KYROS_REDIS_URL cannot be used: its host, port or database is wrong.") from error
    return LimitedRates(rates, redis)


def _item(rate: str) -> RateLimitItem:
    try:
        return parse(rate)
    except ValueError as error:
        raise RateRefused(f"{rate!r} is no rate: write it as 6000/minute.") from error
