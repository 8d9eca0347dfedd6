"""Password hashing and the counting of requests."""

from kyros.auth.adapters.passwords import ArgonPasswords
from kyros.auth.adapters.rates import LimitedRates, open_rates

__all__ = ["ArgonPasswords", "LimitedRates", "open_rates"]
