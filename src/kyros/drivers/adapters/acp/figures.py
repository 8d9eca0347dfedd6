"""Tokens and money of one turn, from the places where programs that speak ACP put them."""

from collections.abc import Mapping

from kyros.drivers.adapters.bounds import word
from kyros.drivers.adapters.messages import Event, items, mapping, money, whole, without_cached
from kyros.drivers.model import AcpSpec, Usage

_INPUT = ("inputTokens", "input_tokens")
_OUTPUT = ("outputTokens", "output_tokens")
_CACHE_READ = ("cachedReadTokens", "cachedInputTokens", "cached_input_tokens", "cached_read_tokens")
_CACHE_WRITE = ("cachedWriteTokens", "cacheWriteInputTokens", "cached_write_tokens")


class Figures:
    """Counts stay None until they are told. `before` are the figures of the session's last turn: some
    programs tell the session's cost, and its tokens."""

    def __init__(self, spec: AcpSpec, before: "Figures | None" = None, model: str | None = None) -> None:
        self._spec = spec
        self._spent_before = before.session_cost if before else None
        self._taken_before: Mapping[str, int] = before.session_counts if before else {}
        self.session_counts: Mapping[str, int] = self._taken_before
        """What the session has taken by now, as far as it was tallied."""
        self._cost: float | None = None
        self._model = model
        self._counts: dict[str, int | None] = {}
        self._tallied: Mapping[str, int] = {}

    @property
    def session_cost(self) -> float | None:
        """What the session has cost by now."""
        return self._spent_before if self._cost is None else self._cost

    def take_update(self, update: Event) -> bool:
        """What `usage_update` says of money; its `used` is the size of the context, which nobody is billed
        for. Returns whether that was anything."""
        cost = mapping(update.get("cost"))
        amount = money(cost.get("amount"))
        if cost.get("currency", "USD") != "USD" or not amount:  # 0: no price known
            return False
        self._cost = amount
        return True

    def take_call(self, usage: object) -> bool:
        """One call of the model, as some hang it to a chunk of a message: to be added up."""
        counts = _counts(mapping(usage))
        for name, count in counts.items():
            if count is not None:
                self._counts[name] = (self._counts.get(name) or 0) + count
        return any(count is not None for count in counts.values())

    def take_tally(self, tokens: Event) -> None:
        """The whole session's tokens; the turn's are those that came since the one before."""
        cache = mapping(tokens.get("cache"))
        thought = whole(tokens.get("reasoning")) or 0
        told = {
            "input": whole(tokens.get("input")),
            "output": None if (said := whole(tokens.get("output"))) is None else said + thought,
            "cache_read": whole(cache.get("read")),
            "cache_write": whole(cache.get("write")),
        }
        self.session_counts = {name: count for name, count in told.items() if count is not None}
        self._tallied = {
            name: count - self._taken_before.get(name, 0) for name, count in self.session_counts.items()
        }

    def take_response(self, response: Event) -> None:
        """The whole turn's, from the answer to its prompt."""
        quota = mapping(mapping(response.get("_meta")).get("quota"))
        self._model = _busiest(quota) or self._model
        for place in (response.get("usage"), quota.get("token_count")):
            counts = _counts(mapping(place))
            if any(count is not None for count in counts.values()):
                self._counts = counts
                return

    def usage(self, tools: Mapping[str, int]) -> Usage:
        counts = self._tallied or (self._counts if self._spec.counts_whole_turn else {})
        input_tokens, cached = counts.get("input"), counts.get("cache_read")
        if self._spec.input_includes_cached and not self._tallied:
            input_tokens = without_cached(input_tokens, (cached or 0) + (counts.get("cache_write") or 0))
        return Usage(
            model=self._model,
            input_tokens=input_tokens,
            output_tokens=counts.get("output"),
            cache_read_tokens=cached,
            cache_creation_tokens=counts.get("cache_write"),
            cost_usd=self._turn_cost(),
            tool_calls=dict(tools),
        )

    def _turn_cost(self) -> float | None:
        """A program that begins anew with each turn tells less than before."""
        if self._cost is None:
            return None
        before = self._spent_before or 0.0
        return round(self._cost - before if self._cost >= before else self._cost, 10)


def _counts(usage: Event) -> dict[str, int | None]:
    return {
        "input": _first(usage, _INPUT),
        "output": _first(usage, _OUTPUT),
        "cache_read": _first(usage, _CACHE_READ),
        "cache_write": _first(usage, _CACHE_WRITE),
    }


def _first(usage: Event, names: tuple[str, ...]) -> int | None:
    counts = (whole(usage.get(name)) for name in names)
    return next((count for count in counts if count is not None), None)


def _busiest(quota: Event) -> str | None:
    """The model that took most; side calls use smaller ones."""
    models = [(_weight(entry), word(entry.get("model"))) for entry in items(quota.get("model_usage"))]
    return max((model for model in models if model[1]), default=(0, None))[1]


def _weight(entry: Event) -> int:
    return sum(count or 0 for count in _counts(mapping(entry.get("token_count"))).values())
