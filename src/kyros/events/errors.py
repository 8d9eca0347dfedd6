"""The room's refusals."""

from kyros.kernel.errors import Busy, Conflict, Invalid, NotFound


class EventsForgotten(NotFound):
    """The log no longer holds what comes after this number; the file does."""

    code = "events_forgotten"


class DetailsRefused(Invalid):
    """The details of a reported event cannot be kept as they are."""

    code = "details_refused"


class EventFileTaken(Busy):
    """Another process writes the file of events."""

    code = "event_file_taken"


class EventFileRefused(Conflict):
    """The file of events and the log do not belong together; a person decides."""

    code = "event_file_refused"
