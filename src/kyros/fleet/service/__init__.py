"""Agents at work: every prompt is a turn."""

from kyros.fleet.service.answers import Answers
from kyros.fleet.service.desk import Blocked
from kyros.fleet.service.fleet import Fleet
from kyros.fleet.service.judge import Judge

__all__ = ["Answers", "Blocked", "Fleet", "Judge"]
