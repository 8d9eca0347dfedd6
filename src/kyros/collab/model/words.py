"""The words by which tasks are found: those of a task, and those of a query. The same for every store."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from kyros.collab.model.task import Task

_LONGEST_WORD = 64
_MOST_SIGNS = 250_000  # in UTF-8 at most the megabyte that a database can index of one task
_TASK = r"(?<![^\W_])t-[0-9]+(?![^\W_])"
_PLAIN = re.compile(r"[^\W_]+")
_NAMED = re.compile(_TASK)
_ASKED = re.compile(rf"{_TASK}|[^\W_]+")


def asked_words(text: str) -> Sequence[str]:
    """Of a query: runs of letters and digits, case-folded. `T-100` stays one word, as people mean it."""
    return _distinct(_ASKED.findall(_folded(text)))


def task_words(task: Task) -> Sequence[str]:
    """All that a task can be found by; of a very long one the first quarter of a million signs."""
    text = _folded("\n".join(_texts(task)))
    words = " ".join(_distinct([*_NAMED.findall(text), *_PLAIN.findall(text)]))
    return words[:_MOST_SIGNS].split()


def finds(task: Task, text: str) -> bool:
    """Whether the task has a word beginning with each word of `text`. A text that is blank finds everything,
    one of signs alone nothing."""
    own, asked = task_words(task), asked_words(text)
    has_all = all(any(one.startswith(word) for one in own) for word in asked)
    return not text.strip() or (bool(asked) and has_all)


def same_words(one: Task, other: Task) -> bool:
    """Whether both are found by the same words, as far as that is seen at a glance."""
    return all(mine == theirs for mine, theirs in zip(_sources(one), _sources(other), strict=True))


def _texts(task: Task) -> Iterator[str]:
    yield task.id
    yield task.title
    yield from task.labels
    yield task.objective
    yield task.constraints
    yield from task.acceptance_criteria
    yield from (item.text for item in task.checklist)


def _sources(task: Task) -> Sequence[object]:
    return (
        task.title, task.objective, task.constraints, tuple(task.labels), tuple(task.acceptance_criteria),
        [item.text for item in task.checklist],
    )  # fmt: skip


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _distinct(words: Iterable[str]) -> Sequence[str]:
    return list(dict.fromkeys(word[:_LONGEST_WORD] for word in words))
