"""Adopting a source: finding the project it is, or copying it and making it one."""

import asyncio
from collections import defaultdict
from pathlib import Path

from kyros.forge.adapters.builtin.branches import settle
from kyros.forge.adapters.builtin.local import find_local
from kyros.forge.adapters.builtin.refs import SourceRefs, is_up_to_date
from kyros.forge.adapters.builtin.remote import RemoteUpstream
from kyros.forge.adapters.builtin.shelf import Fresh, Shelf, furnish
from kyros.forge.adapters.builtin.source import parse_source
from kyros.forge.adapters.builtin.troubles import named, patiently
from kyros.forge.adapters.builtin.upstream import Upstream
from kyros.forge.errors import ProjectNotFound
from kyros.forge.model import Adopted, Project
from kyros.forge.ports import ProjectStore
from kyros.kernel.clock import Clock, to_text
from kyros.kernel.ids import NewId


class Adoption:
    """Brings sources in. `transfer_seconds` bounds a copy or a fetch over the network."""

    def __init__(
        self, shelf: Shelf, store: ProjectStore, clock: Clock, new_id: NewId, transfer_seconds: float
    ) -> None:
        self._shelf = shelf
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._transfer_seconds = transfer_seconds
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def adopt(self, source: str) -> Adopted:
        upstream = await self.find(source)
        async with self._turns[upstream.spellings[0]]:
            await self._tidy()
            refs = await upstream.refs()
            project = await self._store.project_from(upstream.spellings)
            if project is None or not self._shelf.has(project.id):
                project = await self._copy(upstream, refs, project)
            else:
                await self._refresh(upstream, refs, project)
            return await self._ready(upstream, refs, project)

    async def find(self, source: str) -> Upstream:
        """Raises RepositoryNotFound."""
        where = parse_source(source)
        if isinstance(where, Path):
            return await asyncio.to_thread(find_local, where, self._transfer_seconds)
        return RemoteUpstream(where, self._transfer_seconds)

    async def _tidy(self) -> None:
        """Finish or throw away what killed makers left: a row means that the copy was whole."""
        for left in await asyncio.to_thread(lambda: list(self._shelf.abandoned())):
            if await self._is_known(left.project_id) and not self._shelf.has(left.project_id):
                left.keep()
            else:
                await asyncio.to_thread(left.discard)

    async def _is_known(self, project_id: str) -> bool:
        try:
            return (await self._store.project(project_id)).id == project_id
        except ProjectNotFound:
            return False

    async def _copy(self, upstream: Upstream, refs: SourceRefs, known: Project | None) -> Project:
        wanted = known or Project(
            self._new_id("project"), upstream.name, upstream.spellings[0], refs.likely_base(),
            to_text(self._clock()),
        )  # fmt: skip
        fresh = await asyncio.to_thread(self._shelf.begin, wanted.id)
        try:
            await upstream.copy(fresh.path, refs)
            await asyncio.to_thread(furnish, fresh.path, wanted.default_base)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(fresh.discard))
            raise
        return await self._enter(wanted, fresh)

    async def _enter(self, wanted: Project, fresh: Fresh) -> Project:
        """The row first: from then on whoever comes next would finish the renaming."""
        try:
            project = await self._store.add_project(wanted)
        except BaseException:
            fresh.release()  # the row may be there all the same: the next adoption knows
            raise
        if project.id == fresh.project_id and not self._shelf.has(project.id):
            fresh.keep()
        else:
            await asyncio.to_thread(fresh.discard)  # another process was quicker with the same source
        return project

    async def _refresh(self, upstream: Upstream, refs: SourceRefs, project: Project) -> None:
        bare = self._shelf.path(project.id)

        def unchanged() -> bool:
            return is_up_to_date(self._shelf.open(project.id), refs)

        with named(bare):
            if await asyncio.to_thread(unchanged):
                return
        await upstream.fetch(bare, refs)

    async def _ready(self, upstream: Upstream, refs: SourceRefs, project: Project) -> Adopted:
        base = refs.likely_base()
        if refs.head is None and project.default_base in refs.branches:
            base = project.default_base  # the source does not say, and the one we know is still there
        if base != project.default_base:
            project = await self._store.set_default_base(project.id, base)
        notes = list(await upstream.notes(base))
        parted = await asyncio.to_thread(self._settled, project) if base else None
        return Adopted(project, (*notes, parted) if parted else tuple(notes))

    def _settled(self, project: Project) -> str | None:
        bare = self._shelf.path(project.id)
        with named(bare):
            return patiently(bare, lambda: settle(self._shelf, project, project.default_base))
