"""The table of a task's moves, as product.md draws it."""

import itertools

import pytest

from kyros.collab.model import TASK_MOVES, TaskStatus
from kyros.kernel.states import MoveRefused

LINE = ["queued", "claimed", "in_progress", "review", "approved", "merging", "done"]
WAYS_BACK = [
    ("review", "in_progress"),
    ("merging", "review"),
    ("claimed", "queued"),
    ("in_progress", "queued"),
]


@pytest.mark.parametrize(("old", "new"), [*itertools.pairwise(LINE), *WAYS_BACK])
def test_the_line_and_its_ways_back_are_open(old: str, new: str) -> None:
    TASK_MOVES.check(TaskStatus(old), TaskStatus(new))


@pytest.mark.parametrize(("old", "new"), [("queued", "done"), ("done", "queued"), ("merging", "cancelled")])
def test_no_short_cuts_and_nothing_leaves_done(old: str, new: str) -> None:
    with pytest.raises(MoveRefused):
        TASK_MOVES.check(TaskStatus(old), TaskStatus(new))


def test_every_status_has_its_row_and_only_done_is_final() -> None:
    assert set(TASK_MOVES.moves) == set(TaskStatus)
    assert [status for status in TaskStatus if TASK_MOVES.is_final(status)] == [TaskStatus.DONE]
