"""A program's question and the model's answer, whatever the wire says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.agents.scripted.script import Figures

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Tool:
    """As the program offered it. `is_free` ones take a text, not an object."""

    name: str
    schema: Json
    is_free: bool = False


@dataclass(frozen=True)
class Ask:
    """`calls` counts the tool calls that the conversation already holds; `text` is all that it says;
    `schema` is the form of the answer, where the program demands one."""

    model: str
    tools: Sequence[Tool]
    calls: int
    text: str
    is_streamed: bool
    schema: Json | None = None


@dataclass(frozen=True)
class Call:
    """`arguments` is an object; a text for a free tool."""

    id: str
    tool: Tool
    arguments: Any


@dataclass(frozen=True)
class Answer:
    id: str
    text: str
    figures: Figures
    call: Call | None = None


class NotUnderstood(Exception):
    """The program said something the scripted model does not know: the test fails with it."""


def texts(value: object) -> str:
    """Every string inside, however deep."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "\n".join(texts(inner) for inner in value.values())
    if isinstance(value, list):
        return "\n".join(texts(inner) for inner in value)
    return ""
