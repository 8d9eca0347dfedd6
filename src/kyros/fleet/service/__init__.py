"""Agents at work: every prompt is a turn."""

from kyros.fleet.service.fleet import Fleet
from kyros.fleet.service.judge import Judge

__all__ = ["Fleet", "Judge"]
