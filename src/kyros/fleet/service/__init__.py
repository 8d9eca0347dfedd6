"""Agents at work: every prompt is a turn."""

from kyros.fleet.service.fleet import Fleet
from kyros.fleet.service.judge import Judge
from kyros.fleet.service.limits import Limits
from kyros.fleet.service.meter import Meter
from kyros.fleet.service.retention import Retention

__all__ = ["Fleet", "Judge", "Limits", "Meter", "Retention"]
