"""The log in the database: `log.py` writes and reads it, `live.py` follows its end."""

from kyros.events.store.log import SqlEventLog
from kyros.events.store.rows import TOPIC

__all__ = ["TOPIC", "SqlEventLog"]
