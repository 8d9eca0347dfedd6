"""Pull requests and their checks in the database."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.forge.errors import PullNotFound, PullNotOpen, no_pull
from kyros.forge.model import PULL_MOVES, Check, NewPull, Pull, PullState, Verdict
from kyros.forge.store.tables import checks, projects, pulls
from kyros.infra.db import Database
from kyros.kernel.clock import Clock, to_text

_NUMBER = re.compile(r"#?([1-9][0-9]{0,8})")
_NAMED = re.compile(r"(.+)#([1-9][0-9]{0,8})")
_WHOLE = select(pulls, projects.c.name.label("project_name")).join_from(pulls, projects)


class SqlPullStore:
    """ports.PullStore over SQL."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock

    async def add_pull(self, pull_id: str, pull: NewPull, head_sha: str, base_sha: str, actor: str) -> Pull:
        def work(connection: Connection) -> Pull:
            same_head = and_(
                pulls.c.project_id == pull.project_id,
                pulls.c.head == pull.head,
                pulls.c.state == PullState.OPEN.value,
            )
            there = _all(connection, _WHOLE.where(same_head))
            if there:
                return there[0]
            self._insert(connection, pull_id, pull, head_sha, base_sha)
            return self._changed(connection, pull_id, "pull_opened", actor, {"title": pull.title})

        return await self._database.write(work)

    async def pull(self, ref: str) -> Pull:
        return await self._database.read(lambda connection: _find(connection, ref))

    async def pulls(
        self, state: PullState | None, project_id: str | None, limit: int, before: str | None = None
    ) -> Sequence[Pull]:
        query = _WHOLE.order_by(pulls.c.created_at.desc(), pulls.c.id.desc()).limit(limit)
        if before is not None:
            made = select(pulls.c.created_at).where(pulls.c.id == before).scalar_subquery()
            query = query.where(tuple_(pulls.c.created_at, pulls.c.id) < tuple_(made, literal(before)))
        if state is not None:
            query = query.where(pulls.c.state == state.value)
        if project_id is not None:
            query = query.where(pulls.c.project_id == project_id)
        return await self._database.read(lambda connection: _all(connection, query))

    async def pulls_touching(self, project_id: str, branch: str) -> Sequence[Pull]:
        query = _WHOLE.where(
            pulls.c.project_id == project_id, or_(pulls.c.head == branch, pulls.c.base == branch)
        )
        return await self._database.read(lambda connection: _all(connection, query))

    async def revise(self, pull_id: str, head_sha: str, base_sha: str, body: str, actor: str) -> Pull:
        values = {"head_sha": head_sha, "base_sha": base_sha, "body": body}

        def revised(connection: Connection, old: Pull) -> Pull:
            if all(getattr(old, name) == value for name, value in values.items()):
                return old
            self._update(connection, pull_id, values)
            return self._changed(connection, pull_id, "pull_updated", actor, {})

        return await self._change(pull_id, revised)

    async def put_check(self, pull_id: str, check: Check, actor: str) -> Pull:
        def put(connection: Connection, old: Pull) -> Pull:
            if check in old.checks:
                return old
            connection.execute(delete(checks).where(checks.c.pull_id == pull_id, checks.c.name == check.name))
            row = asdict(check) | {"verdict": check.verdict.value}
            connection.execute(
                insert(checks).values(pull_id=pull_id, reported_at=to_text(self._clock()), **row)
            )
            self._update(connection, pull_id, {})
            facts = {"name": check.name, "verdict": check.verdict.value, "summary": check.summary}
            return self._changed(connection, pull_id, "check_reported", actor, facts)

        return await self._change(pull_id, put)

    async def mark_merged(
        self, pull_id: str, head_sha: str, base_sha: str, merge_sha: str, actor: str
    ) -> Pull:
        values = {"head_sha": head_sha, "base_sha": base_sha, "merge_sha": merge_sha}
        return await self._move(pull_id, PullState.MERGED, values, actor)

    async def mark_closed(self, pull_id: str, actor: str) -> Pull:
        return await self._move(pull_id, PullState.CLOSED, {}, actor)

    async def _move(self, pull_id: str, to: PullState, values: Mapping[str, object], actor: str) -> Pull:
        def moved(connection: Connection, old: Pull) -> Pull:
            if old.state is to:
                return old
            if to not in PULL_MOVES.moves[old.state]:
                raise PullNotOpen(
                    f"Pull request {old.project_name}#{old.number} is {old.state}: it cannot be {to}.",
                    pull_id=old.id,
                    state=old.state,
                )
            self._update(connection, pull_id, {**values, "state": to.value})
            return self._changed(connection, pull_id, f"pull_{to}", actor, {})

        return await self._change(pull_id, moved)

    async def _change(self, pull_id: str, change: Callable[[Connection, Pull], Pull]) -> Pull:
        return await self._database.write(lambda connection: change(connection, _find(connection, pull_id)))

    def _insert(
        self, connection: Connection, pull_id: str, pull: NewPull, head_sha: str, base_sha: str
    ) -> None:
        now = to_text(self._clock())
        # the next number is read by the statement that takes it; the unique constraint stands behind it
        last = select(func.coalesce(func.max(pulls.c.number), 0)).where(pulls.c.project_id == pull.project_id)
        connection.execute(
            insert(pulls).values(
                id=pull_id,
                number=last.scalar_subquery() + 1,
                state=PullState.OPEN.value,
                head_sha=head_sha,
                base_sha=base_sha,
                created_at=now,
                updated_at=now,
                **asdict(pull),
            )
        )

    def _update(self, connection: Connection, pull_id: str, values: Mapping[str, object]) -> None:
        connection.execute(
            update(pulls).where(pulls.c.id == pull_id).values(updated_at=to_text(self._clock()), **values)
        )

    def _changed(
        self, connection: Connection, pull_id: str, event: str, actor: str, facts: Mapping[str, object]
    ) -> Pull:
        pull = _find(connection, pull_id)
        details = {
            "project_id": pull.project_id,
            "pull_id": pull.id,
            "number": pull.number,
            "head": pull.head,
            "base": pull.base,
            "head_sha": pull.head_sha,
            **({"merge_sha": pull.merge_sha} if pull.merge_sha else {}),
            **facts,
        }
        self._outbox.append_in(connection, [NewEvent(event, actor, pull.id, details)])
        return pull


def _find(connection: Connection, ref: str) -> Pull:
    found = _all(connection, _WHOLE.where(_matching(ref)))
    if len(found) > 1:
        names = ", ".join(sorted(f"{pull.project_name}#{pull.number}" for pull in found))
        raise PullNotFound(f"Several projects have a pull request {ref}: say which of {names}.", pull=ref)
    if not found:
        raise no_pull(ref)
    return found[0]


def _matching(ref: str) -> ColumnElement[bool]:
    if number := _NUMBER.fullmatch(ref):
        return pulls.c.number == int(number[1])
    if named := _NAMED.fullmatch(ref):
        return and_(projects.c.name == named[1], pulls.c.number == int(named[2]))
    return pulls.c.id == ref


def _all(connection: Connection, query: Select[*tuple[object, ...]]) -> list[Pull]:
    rows = connection.execute(query).mappings().all()
    found = select(checks).where(checks.c.pull_id.in_([row["id"] for row in rows])).order_by(checks.c.name)
    reported: dict[str, list[Check]] = {}
    for check in connection.execute(found).mappings() if rows else ():
        reported.setdefault(check["pull_id"], []).append(_check(check))
    return [_pull(row, reported.get(row["id"], [])) for row in rows]


def _pull(row: RowMapping, reported: Sequence[Check]) -> Pull:
    return Pull(**{**row, "state": PullState(row["state"]), "checks": tuple(reported)})


def _check(row: RowMapping) -> Check:
    values = {name: value for name, value in row.items() if name not in ("pull_id", "reported_at", "verdict")}
    return Check(verdict=Verdict(row["verdict"]), **values)
