"""Paused profiles in the database."""

from collections.abc import Mapping

from sqlalchemy import Column, Connection, String, Table, Text, select

from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.model import Turn
from kyros.fleet.model.pause import Pause
from kyros.infra.db import Database, metadata
from kyros.kernel.clock import from_text, to_text

profile_pauses = Table(
    "profile_pauses",
    metadata,
    Column("profile", String, primary_key=True),
    Column("until", String, nullable=False),
    Column("notice", Text, nullable=False),
    Column("since", String, nullable=False),
)


class SqlPauses:
    """ports.Pauses over SQL."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def all(self) -> Mapping[str, Pause]:
        query = select(profile_pauses).order_by(profile_pauses.c.profile)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {
            row.profile: Pause(row.profile, from_text(row.until), row.notice, from_text(row.since))
            for row in rows
        }

    async def pause(self, pause: Pause, turn: Turn) -> bool:
        ours = profile_pauses.c.profile == pause.profile
        same = select(profile_pauses.c.until).where(
            ours, profile_pauses.c.notice == pause.notice, profile_pauses.c.until > to_text(pause.since)
        )
        until = to_text(pause.until)
        facts = turn.facts() | {"profile": pause.profile, "until": until, "notice": pause.notice}
        values = {
            "profile": pause.profile, "until": until, "notice": pause.notice, "since": to_text(pause.since),
        }  # fmt: skip

        def work(connection: Connection) -> bool:
            if connection.execute(same).first() is not None:
                return False
            connection.execute(profile_pauses.delete().where(ours))
            connection.execute(profile_pauses.insert().values(**values))
            self._outbox.append_in(connection, [NewEvent("profile_paused", "kyros", pause.profile, facts)])
            return True

        return await self._database.write(work)

    async def resume(self, profile: str, actor: str) -> bool:
        event = NewEvent("profile_resumed", actor, profile, {"profile": profile})

        def work(connection: Connection) -> bool:
            gone = connection.execute(profile_pauses.delete().where(profile_pauses.c.profile == profile))
            if not gone.rowcount:
                return False
            self._outbox.append_in(connection, [event])
            return True

        return await self._database.write(work)
