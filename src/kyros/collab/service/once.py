"""One write and its answer, kept under the caller's key in the same transaction."""

from collections.abc import Callable
from typing import TypeVar

from kyros.collab.ports import Board, CollabStore
from kyros.kernel.answers import Answer, Once

T = TypeVar("T")


async def answered(
    store: CollabStore, once: Once | None, work: Callable[[Board], T], render: Callable[[T], Answer]
) -> Answer:
    """The answer to `work`, or the one its key got before. A refusal is raised and not remembered."""

    def whole(board: Board) -> Answer:
        if once is not None and (known := board.recall(once)) is not None:
            return known
        answer = render(work(board))
        if once is not None:
            board.remember(once, answer)
        return answer

    return await store.write(whole)


async def answered_secretly(
    store: CollabStore,
    once: Once | None,
    work: Callable[[Board], T],
    render: Callable[[T], tuple[Answer, Answer]],
) -> Answer:
    """As `answered`, for an answer that holds a secret: `render` makes the one to give now, and the one
    without the secret that is kept under the key."""

    def whole(board: Board) -> Answer:
        if once is not None and (known := board.recall(once)) is not None:
            return known
        now, later = render(work(board))
        if once is not None:
            board.remember(once, later)
        return now

    return await store.write(whole)
