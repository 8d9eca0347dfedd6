"""Where a task really stands: its status held against what durable facts prove, never a wish.

The first line that fits, `shows` being the column of the board and `!` that a person is needed:

status                what the facts say                                  shows
done, cancelled                                                           itself
review … merging      its pull request is merged                          done
review … merging      its pull request was closed                         review      !
not yet in review     a dependency is not done                            blocked
not yet in review     … and cancelled                                     blocked     !
blocked                                                                   blocked     !
queued                                                                    queued
claimed, in_progress  its run waits for a person                          itself      !
claimed, in_progress  its run is going                                    itself
claimed, in_progress  a live lease is on it                               itself
claimed, in_progress  its run failed                                      queued      !
claimed, in_progress  nobody holds it                                     queued
review … merging      its checks are red, or its run failed               itself      !
review                its run is going                                    review
review                                                                    review      !
approved, merging                                                         itself
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kyros.collab.model.lease import Lease
from kyros.collab.model.task import Task, TaskStatus

_S = TaskStatus
_ENDED = (_S.DONE, _S.CANCELLED)
_HANDED_IN = (_S.REVIEW, _S.APPROVED, _S.MERGING)
_GOING = ("queued", "running", "blocked")
_FAILED = ("failed", "timed_out")


@dataclass(frozen=True)
class Standing:
    """`column` is where the board shows it; `because` one sentence where that needs a reason, else empty;
    `blocked_by` the dependencies that are not done; `needs_you` whether a person must look."""

    column: TaskStatus
    because: str = ""
    blocked_by: Sequence[str] = ()
    needs_you: bool = False

    def document(self) -> dict[str, object]:
        """As it stands in answers."""
        return {
            "column": self.column.value,
            "because": self.because,
            "blocked_by": list(self.blocked_by),
            "needs_you": self.needs_you,
        }


def standing(task: Task, lease: Lease | None, unmet: Mapping[str, TaskStatus]) -> Standing:
    """`lease` is the live one on `task:ID`, if any; `unmet` its dependencies that are not done."""
    if task.status in _ENDED:
        return Standing(task.status)
    if task.status in _HANDED_IN:
        return _handed_in(task)
    if unmet:
        return _waiting(unmet)
    if task.status is _S.BLOCKED:
        return Standing(_S.BLOCKED, _failure(task) or "It was blocked; see its events.", needs_you=True)
    if task.status is _S.QUEUED:
        return Standing(_S.QUEUED)
    return _at_work(task, lease)


def _handed_in(task: Task) -> Standing:
    pull = task.facts.get("pull_status")
    if pull == "merged":
        return Standing(_S.DONE, "Its pull request is merged.")
    if pull == "closed":
        return Standing(_S.REVIEW, "Its pull request was closed without a merge.", needs_you=True)
    if task.facts.get("checks") in _FAILED:
        return Standing(task.status, "Its checks are red.", needs_you=True)
    if failure := _failure(task):
        return Standing(task.status, failure, needs_you=True)
    if task.status is not _S.REVIEW:
        return Standing(task.status)
    if _going(task):
        return Standing(_S.REVIEW, "Its run is still going.")
    return Standing(_S.REVIEW, "It waits for a review.", needs_you=True)


def _waiting(unmet: Mapping[str, TaskStatus]) -> Standing:
    because = f"It waits for {', '.join(unmet)}."
    cancelled = [task_id for task_id, status in unmet.items() if status is _S.CANCELLED]
    if cancelled:
        are = "are" if len(cancelled) > 1 else "is"
        because += f" {', '.join(cancelled)} {are} cancelled: queue again, or depend on it no more."
    return Standing(_S.BLOCKED, because, tuple(unmet), needs_you=bool(cancelled))


def _at_work(task: Task, lease: Lease | None) -> Standing:
    if task.facts.get("run_status") == "blocked":
        return Standing(task.status, "Its run waits for a person.", needs_you=True)
    if _going(task):
        return Standing(task.status)
    if lease is not None:
        return Standing(task.status, f"{lease.holder} holds it.")
    if failure := _failure(task):
        return Standing(_S.QUEUED, failure, needs_you=True)
    return Standing(_S.QUEUED, "Nobody holds it.")


def _going(task: Task) -> bool:
    return task.facts.get("run_status") in _GOING


def _failure(task: Task) -> str:
    if task.facts.get("run_status") not in _FAILED:
        return ""
    reason = task.facts.get("run_reason")
    return f"Its run failed: {reason}." if reason else "Its run failed."
