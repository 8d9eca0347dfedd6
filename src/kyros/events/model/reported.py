"""What somebody outside reports: which details are taken, and how such an event is marked as theirs."""

import math
from collections.abc import Mapping

import orjson

from kyros.events.errors import DetailsRefused
from kyros.events.model.event import NewEvent

NAME = r"^[a-z][a-z0-9_]{0,62}$"
DETAILS_BYTES = 16 * 1024
DETAILS_DEPTH = 8
REPORTED = "reported"
"""True in the details of every reported event and of no other: nobody takes it for Kyros' own."""


def reported(event: str, actor: str, target: str, details: Mapping[str, object]) -> NewEvent:
    """The event as it is appended. Raises DetailsRefused."""
    _check_values(details, DETAILS_DEPTH)
    try:
        size_bytes = len(orjson.dumps(dict(details)))
    except orjson.JSONEncodeError as error:
        raise DetailsRefused(f"The details cannot be kept as JSON: {error}.") from error
    if size_bytes > DETAILS_BYTES:
        raise DetailsRefused(
            f"The details take {size_bytes:,} bytes, more than {DETAILS_BYTES:,}: report less, and where "
            "the rest is.",
            limit_bytes=DETAILS_BYTES,
        )
    return NewEvent(event, actor, target, {**details, REPORTED: True})


def project_of(details: Mapping[str, object]) -> str | None:
    """The project a report says it concerns. Raises DetailsRefused when that is no id."""
    project_id = details.get("project_id")
    if project_id is not None and not isinstance(project_id, str):
        raise DetailsRefused("details.project_id must be a project's id.")
    return project_id


def _check_values(value: object, levels: int) -> None:
    if isinstance(value, Mapping | list):
        if not levels:
            raise DetailsRefused(f"The details are nested deeper than {DETAILS_DEPTH} levels: flatten them.")
        for one in value.values() if isinstance(value, Mapping) else value:
            _check_values(one, levels - 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise DetailsRefused("The details hold a number that JSON does not have (NaN or infinite).")
