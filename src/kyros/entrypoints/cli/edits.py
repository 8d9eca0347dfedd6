"""Changes by hand to what others may change as well: done again on what it is now, where that makes sense."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kyros.entrypoints.cli.client import Client, part
from kyros.entrypoints.cli.failures import Refused

_TRIES = 20
_STALE = 412

Make = Callable[[dict[str, Any], dict[str, Any]], Mapping[str, Any]]
"""The merge patch for a task as it is now; given also as it was when the person spoke. Raises Refused when
their change no longer makes sense."""


@dataclass(frozen=True)
class Edit:
    """Values to put in place (None: leave it, empty text: remove it); what to add to lists and to remove."""

    put: Mapping[str, Any]
    add: Mapping[str, Sequence[Any]]
    remove: Mapping[str, Sequence[Any]]

    @property
    def is_empty(self) -> bool:
        return not any([*self.add.values(), *self.remove.values(), *self._put()])

    def patch(self, task: dict[str, Any], before: dict[str, Any]) -> Mapping[str, Any]:
        """Lists are added to as they are now; a value that somebody else has set meanwhile is left alone."""
        found = {name: None if value == "" else value for name, value in self._put().items()}
        for name, value in found.items():
            if task[name] not in (before[name], value):
                raise Refused(
                    f"Somebody changed {name} meanwhile, to {task[name]!r}: look at it, then say it again.",
                    status=_STALE,
                    code="stale_etag",
                )
        for name in self.add:
            old, gone = task[name], self.remove.get(name, ())
            new = [one for one in old if one not in gone]
            new += [one for one in self.add[name] if one not in new]
            if new != old:
                found[name] = new
        return found

    def _put(self) -> dict[str, Any]:
        return {name: value for name, value in self.put.items() if value is not None}


def path_of(task_id: str) -> str:
    """Quoted: what is typed may hold anything."""
    return f"/api/collab/tasks/{part(task_id)}"


def edited(client: Client, task_id: str, make: Make, token: int | None) -> dict[str, Any]:
    """The task after the change."""
    headers = {} if token is None else {"Kyros-Fencing-Token": str(token)}
    return edited_at(client, path_of(task_id), make, **headers)


def edited_at(client: Client, path: str, make: Make, **headers: str) -> dict[str, Any]:
    """What stands there after the change. What others change all the time is tried again, within reason."""
    before: dict[str, Any] = client.get(path)
    task = before
    for left in reversed(range(_TRIES)):
        patch = make(task, before)
        try:
            client.patch(path, patch, **{"If-Match": task["etag"], **headers})
        except Refused as refusal:
            if refusal.facts.get("status") != _STALE or refusal.facts.get("code") != "stale_etag" or not left:
                raise
            latest: dict[str, Any] = client.get(path)
            task = latest
        else:
            break
    after: dict[str, Any] = client.get(path)
    return after
