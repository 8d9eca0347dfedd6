"""How much a task may hold, as field types: for its doors, and for whoever reads one from elsewhere."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

_PROJECT = r"^[a-z0-9][a-z0-9._-]{0,62}$"
_TASK = r"^T-[1-9][0-9]{0,8}$"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,199}$"
_NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def one_line(text: str) -> str:
    """Refuses line ends, control characters and marks that turn the direction of writing."""
    if _NOT_IN_A_LINE.search(text):
        raise PydanticCustomError("one_line", "must be one line, without control characters")
    return text


def no_repeats(values: Sequence[str]) -> Sequence[str]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("repeated", "names something twice")
    return values


ProjectId = Annotated[str, StringConstraints(pattern=_PROJECT)]
"""A plain word; collab has no list of projects to look it up in."""
TaskId = Annotated[str, StringConstraints(pattern=_TASK)]
Name = Annotated[str, StringConstraints(pattern=_NAME)]
"""Of a person or an agent."""
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(one_line)
]
Prose = Annotated[str, StringConstraints(max_length=50_000)]
Criterion = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
Criteria = Annotated[list[Criterion], Field(max_length=100)]
ChecklistText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(one_line)
]
Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), AfterValidator(one_line)
]
Labels = Annotated[list[Label], Field(max_length=20), AfterValidator(no_repeats)]
DependsOn = Annotated[list[TaskId], Field(max_length=50), AfterValidator(no_repeats)]
Minutes = Annotated[float, Field(gt=0, le=5_256_000, allow_inf_nan=False, strict=True)]
"""Up to ten years."""
Tokens = Annotated[int, Field(gt=0, le=10**15, strict=True)]
Usd = Annotated[float, Field(gt=0, le=10**9, allow_inf_nan=False, strict=True)]
CHECKLIST_ITEMS = 100
AgentName = Annotated[str, StringConstraints(pattern=_PROJECT)]
Profile = Annotated[str, StringConstraints(pattern=_PROJECT)]
"""A plain word; the room knows no programs to look it up in."""
Skills = Annotated[list[Label], Field(max_length=50), AfterValidator(no_repeats)]
AgentProjects = Annotated[list[ProjectId], Field(max_length=100), AfterValidator(no_repeats)]
