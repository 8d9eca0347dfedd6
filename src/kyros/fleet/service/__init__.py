"""Agents at work: every prompt is a turn."""

from kyros.fleet.service.answers import Answers
from kyros.fleet.service.attending import Attending
from kyros.fleet.service.desk import Blocked
from kyros.fleet.service.fleet import Fleet
from kyros.fleet.service.judge import Judge
from kyros.fleet.service.keyboards import Keyboards
from kyros.fleet.service.limits import Limits
from kyros.fleet.service.meter import Meter
from kyros.fleet.service.retention import Retention

__all__ = [
    "Answers",
    "Attending",
    "Blocked",
    "Fleet",
    "Judge",
    "Keyboards",
    "Limits",
    "Meter",
    "Retention",
]
