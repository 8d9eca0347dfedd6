"""What a principal may at the doors of the log."""

import pytest

from kyros.auth.errors import NotAllowed
from kyros.auth.model import Principal, PrincipalKind, Right, Role
from kyros.entrypoints.asking import EventCaller


def asking(role: Role | None, projects: dict[str, Role] | None = None, *scopes: Right) -> EventCaller:
    only = frozenset(scopes) if scopes else None
    return EventCaller(Principal("ann", role, PrincipalKind.PERSON, projects or {}, only))


def test_who_may_read_everywhere_sees_all_and_others_their_projects() -> None:
    assert asking(Role.VIEWER).readable() is None
    assert asking(None, {"p_1": Role.VIEWER, "p_2": Role.AGENT}).readable() == {"p_1", "p_2"}


def test_who_may_read_nowhere_is_told_so() -> None:
    for nobody in (asking(None), asking(Role.ADMIN, {}, Right.LEASE)):
        with pytest.raises(NotAllowed):
            nobody.readable()


def test_a_viewer_reports_nothing() -> None:
    for project_id in (None, "p_1"):
        with pytest.raises(NotAllowed):
            asking(Role.VIEWER).check_report(project_id)


def test_an_agent_of_one_project_reports_there_alone() -> None:
    agent = asking(None, {"p_1": Role.AGENT})
    agent.check_report("p_1")
    for project_id in (None, "p_2"):
        with pytest.raises(NotAllowed):
            agent.check_report(project_id)
