"""Agents at work: every prompt is a turn."""

from kyros.fleet.service.answers import Answers
from kyros.fleet.service.attending import Attending
from kyros.fleet.service.desk import Blocked
from kyros.fleet.service.fleet import Fleet
from kyros.fleet.service.judge import Judge
from kyros.fleet.service.keyboards import Keyboards

__all__ = ["Answers", "Attending", "Blocked", "Fleet", "Judge", "Keyboards"]
