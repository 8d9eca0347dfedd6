"""Roles, rights and projects; the largest role within some rights; keys that shrink with their owner."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros.auth.errors import NotAllowed
from kyros.auth.model import (
    RIGHTS,
    ApiKey,
    NewKey,
    Principal,
    PrincipalKind,
    Right,
    Role,
    check_grant,
    largest_within,
    require,
    require_somewhere,
)

roles = st.none() | st.sampled_from(Role)
shares = st.dictionaries(st.sampled_from(["app", "docs", "web"]), st.sampled_from(Role))
scopes = st.none() | st.frozensets(st.sampled_from(Right))
owners = st.builds(Principal, st.just("ada"), roles, st.just(PrincipalKind.PERSON), shares)
PLACES = (None, "app", "docs", "web", "elsewhere")
SOON = datetime(2026, 12, 1, tzinfo=UTC)


def key(role: Role | None, projects: dict[str, Role], kept: frozenset[Right] | None) -> ApiKey:
    return ApiKey("key_1", "ci", "kyros_key_", "", "ada", role, projects, kept, "", "")


@pytest.mark.parametrize(
    ("role", "rights"),
    [
        (Role.VIEWER, "read"),
        (Role.REVIEWER, "read review"),
        (Role.AGENT, "read tasks lease report"),
        (Role.OPERATOR, "read tasks lease report review operate"),
        (Role.ADMIN, "read tasks lease report review operate admin"),
    ],
)
def test_a_role_is_these_rights(role: Role, rights: str) -> None:
    assert {right.value for right in RIGHTS[role]} == set(rights.split())


def test_a_role_in_a_project_counts_there_alone() -> None:
    mia = Principal("mia", None, PrincipalKind.PERSON, {"app": Role.OPERATOR})
    require(mia, Right.TASKS, "app")
    for project in (None, "docs"):
        with pytest.raises(NotAllowed) as refused:
            require(mia, Right.TASKS, project)
        assert dict(refused.value.facts) == {"right": "tasks", "project_id": project}
    assert mia.visible_projects == {"app"}


def test_a_role_everywhere_sees_every_project() -> None:
    vic = Principal("vic", Role.VIEWER, PrincipalKind.PERSON, {"app": Role.OPERATOR})
    assert vic.visible_projects is None
    assert vic.may(Right.OPERATE, "app")
    assert not vic.may(Right.OPERATE, "docs")


def test_a_right_somewhere_is_enough_for_ones_own_part() -> None:
    mia = Principal("mia", None, PrincipalKind.PERSON, {"app": Role.VIEWER})
    require_somewhere(mia, Right.READ)
    for principal, right in ((mia, Right.TASKS), (Principal("nobody", None), Right.READ)):
        with pytest.raises(NotAllowed):
            require_somewhere(principal, right)


@given(st.frozensets(st.sampled_from(Right)))
def test_the_largest_role_gives_nothing_more_and_no_other_gives_more(rights: frozenset[Right]) -> None:
    found = largest_within(rights)
    fitting = [role for role in Role if RIGHTS[role] <= rights]
    assert (found is None) == (not fitting)
    if found is not None:
        assert RIGHTS[found] <= rights
        assert all(len(RIGHTS[role]) <= len(RIGHTS[found]) for role in fitting)


@given(roles, shares, scopes, owners)
def test_a_key_never_may_what_its_owner_may_not(
    role: Role | None, projects: dict[str, Role], kept: frozenset[Right] | None, owner: Principal
) -> None:
    principal = key(role, projects, kept).principal(owner)
    for right in Right:
        for project in PLACES:
            if principal.may(right, project):
                assert owner.may(right, project)
                assert kept is None or right in kept


@given(roles, shares, scopes)
def test_the_operators_key_is_narrowed_by_nothing_but_its_scopes(
    role: Role | None, projects: dict[str, Role], kept: frozenset[Right] | None
) -> None:
    wanted = Principal("ci", role, PrincipalKind.KEY, projects, kept)
    assert key(role, projects, kept).principal(None) == wanted


@given(roles, shares, scopes, owners)
def test_a_key_is_granted_just_when_its_maker_has_each_of_its_rights(
    role: Role | None, projects: dict[str, Role], kept: frozenset[Right] | None, owner: Principal
) -> None:
    new = NewKey("ci", role, projects, kept, SOON + timedelta(days=1))
    wanted = Principal("ci", role, PrincipalKind.KEY, projects, kept)
    named = [None, *projects] if role is not None else list(projects)
    may = bool(named) and all(
        owner.may(right, project) for right in Right for project in named if _asks(wanted, right, project)
    )
    if may:
        check_grant(new, owner)
    else:
        with pytest.raises(NotAllowed):
            check_grant(new, owner)


def _asks(wanted: Principal, right: Right, project: str | None) -> bool:
    """Of the role given just there; one given everywhere is asked about everywhere."""
    role = wanted.role if project is None else wanted.projects[project]
    return role is not None and right in RIGHTS[role] and (wanted.scopes is None or right in wanted.scopes)
