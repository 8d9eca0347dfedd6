"""Who writes, and under which lease."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fence:
    """A lease shown with a write: `holder` has `token` on `resource`, or the write is refused."""

    resource: str
    holder: str
    token: int


@dataclass(frozen=True)
class Writer:
    """Whose name the event bears, and what they show: a fence, or nothing. Without one, only a resource
    that nobody holds, or that they hold under their own name, lets them write."""

    actor: str
    fence: Fence | None = None
