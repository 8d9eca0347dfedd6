"""Projects and the branches Kyros opened, in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain, count

from sqlalchemy import Connection, delete, insert, or_, select, update

from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.forge.errors import no_project
from kyros.forge.model import Branch, Project
from kyros.forge.store.tables import branches, projects
from kyros.infra.db import Database
from kyros.kernel.clock import Clock, to_text

ACTOR = "forge"
"""Who adopts, opens and tidies: the port asks for no name there."""


class SqlProjectStore:
    """ports.ProjectStore over SQL."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock

    async def add_project(self, project: Project) -> Project:
        def work(connection: Connection) -> Project:
            known = _from_sources(connection, [project.source])
            if known is not None:
                return known
            added = replace(project, name=_free_name(connection, project.name))
            connection.execute(insert(projects).values(asdict(added)))
            self._outbox.append_in(connection, [_event("project_adopted", added)])
            return added

        return await self._database.write(work)

    async def set_default_base(self, project_id: str, default_base: str) -> Project:
        def work(connection: Connection) -> Project:
            old = _find(connection, project_id)
            if old.default_base == default_base:
                return old
            changed = replace(old, default_base=default_base)
            connection.execute(
                update(projects).where(projects.c.id == project_id).values(default_base=default_base)
            )
            self._outbox.append_in(connection, [_event("project_updated", changed)])
            return changed

        return await self._database.write(work)

    async def project(self, ref: str) -> Project:
        return await self._database.read(lambda connection: _find(connection, ref))

    async def project_from(self, sources: Sequence[str]) -> Project | None:
        return await self._database.read(lambda connection: _from_sources(connection, sources))

    async def projects(self) -> Sequence[Project]:
        query = select(projects).order_by(projects.c.name)
        return await self._database.read(
            lambda connection: [Project(**row) for row in connection.execute(query).mappings()]
        )

    async def add_branch(self, project_id: str, branch: Branch) -> None:
        def work(connection: Connection) -> None:
            if _has_branch(connection, project_id, branch.name):
                return
            connection.execute(
                insert(branches).values(
                    project_id=project_id,
                    name=branch.name,
                    base=branch.base,
                    base_sha=branch.base_sha,
                    opened_sha=branch.head_sha,
                    opened_at=to_text(self._clock()),
                )
            )
            details = {"branch": branch.name, "base": branch.base, "sha": branch.head_sha}
            self._outbox.append_in(connection, [_branch_event("branch_opened", project_id, details)])

        await self._database.write(work)

    async def has_branch(self, project_id: str, name: str) -> bool:
        return await self._database.read(lambda connection: _has_branch(connection, project_id, name))

    async def remove_branch(self, project_id: str, name: str, sha: str) -> None:
        def work(connection: Connection) -> None:
            if not _has_branch(connection, project_id, name):
                return
            connection.execute(
                delete(branches).where(branches.c.project_id == project_id, branches.c.name == name)
            )
            details = {"branch": name, "sha": sha}
            self._outbox.append_in(connection, [_branch_event("branch_deleted", project_id, details)])

        await self._database.write(work)


def _find(connection: Connection, ref: str) -> Project:
    query = select(projects).where(or_(projects.c.id == ref, projects.c.name == ref))
    row = connection.execute(query.order_by(projects.c.id != ref)).mappings().first()
    if row is None:
        raise no_project(ref)
    return Project(**row)


def _from_sources(connection: Connection, sources: Sequence[str]) -> Project | None:
    row = connection.execute(select(projects).where(projects.c.source.in_(sources))).mappings().first()
    return None if row is None else Project(**row)


def _free_name(connection: Connection, name: str) -> str:
    taken = set(connection.scalars(select(projects.c.name).where(projects.c.name.startswith(name))))
    wanted = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(candidate for candidate in wanted if candidate not in taken)


def _has_branch(connection: Connection, project_id: str, name: str) -> bool:
    query = select(branches.c.name).where(branches.c.project_id == project_id, branches.c.name == name)
    return connection.execute(query).first() is not None


def _event(event: str, project: Project) -> NewEvent:
    details = {
        "project_id": project.id,
        "name": project.name,
        "source": project.source,
        "default_base": project.default_base,
    }
    return NewEvent(event, ACTOR, project.id, details)


def _branch_event(event: str, project_id: str, details: Mapping[str, object]) -> NewEvent:
    return NewEvent(event, ACTOR, project_id, {"project_id": project_id, **details})
