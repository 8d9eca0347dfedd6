"""Lists show the projects one may read, newest first over all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from kyros.auth.errors import NotAllowed
from kyros.auth.model import Principal, PrincipalKind, Role
from kyros.fleet.api.seen import seen


@dataclass(frozen=True)
class Thing:
    id: str
    project: str


THINGS = [Thing(f"run_{number}", project) for number, project in enumerate(["a", "b", "a", "c", "b", "a"])]


async def shown(principal: Principal, project: str | None, limit: int = 10) -> list[str]:
    async def fetch(one: str | None) -> Sequence[Thing]:
        return [thing for thing in reversed(THINGS) if one in (None, thing.project)][:limit]

    return [thing.id for thing in await seen(principal, project, limit, fetch)]


def member(**projects: Role) -> Principal:
    return Principal("mia", None, PrincipalKind.PERSON, projects)


async def test_who_may_read_everywhere_sees_all() -> None:
    assert await shown(Principal("vic", Role.VIEWER), None) == [thing.id for thing in reversed(THINGS)]


async def test_a_member_sees_their_projects_in_one_order() -> None:
    both = member(a=Role.VIEWER, b=Role.AGENT)
    assert await shown(both, None) == ["run_5", "run_4", "run_2", "run_1", "run_0"]
    assert await shown(both, None, 2) == ["run_5", "run_4"]
    assert await shown(both, "b") == ["run_4", "run_1"]


async def test_another_project_is_refused_and_nobody_sees_nothing() -> None:
    for principal, project in ((member(a=Role.VIEWER), "b"), (member(), None), (member(), "a")):
        with pytest.raises(NotAllowed):
            await shown(principal, project)
