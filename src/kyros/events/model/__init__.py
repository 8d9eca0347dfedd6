"""An event's values and shapes, pure: what it is, its line, its message, what people read of it."""

from kyros.events.model.event import EVERYTHING, KIN, Event, EventFilter, NewEvent, kin_of, matches

__all__ = ["EVERYTHING", "KIN", "Event", "EventFilter", "NewEvent", "kin_of", "matches"]
