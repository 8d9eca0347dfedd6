"""The doors to the log: pages of events, their live tail, reports and the human log."""

from kyros.events.api.router import events_router

__all__ = ["events_router"]
