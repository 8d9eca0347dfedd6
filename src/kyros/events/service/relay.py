"""Copies the log into its file, in one process, and lets the table forget what the file has."""

import asyncio
from contextlib import suppress

from kyros.events.errors import EventFileRefused, EventFileTaken
from kyros.events.model import EVERYTHING, Event, NewEvent
from kyros.events.model.line import line_of
from kyros.events.ports import EventFile, EventLog, Repair
from kyros.infra.telemetry import get_log
from kyros.kernel.errors import KyrosError

ACTOR = "kyros"
TARGET = "events.jsonl"
_BATCH = 2_000
_PAUSE_SECONDS = 0.2
_POLL_SECONDS = 5.0


class Relay:
    """Behind by a moment at most. `keep` is how many events the table holds at least; 0 is all of them.

    The table is the log and the file its copy: it may be behind, be cut off by a crash, be written again.
    Nothing is read from it but what the table has forgotten.
    """

    def __init__(self, log: EventLog, file: EventFile, keep: int) -> None:
        self._log, self._file, self._keep = log, file, keep
        self._bell = asyncio.Event()
        self._last: int | None = None
        self._told = ""

    def wake(self) -> None:
        """Something was committed."""
        self._bell.set()

    async def run(self) -> None:
        """Until cancelled. Trouble is logged and tried again."""
        while True:
            try:
                await self._begin()
                await self._go_on()
            except EventFileTaken:
                pass  # the process that has it does the work
            except (KyrosError, OSError) as error:
                get_log("kyros.events").warning("the file of events stands still", reason=str(error))
                await self._tell_refused(error)
            self._last = None
            await asyncio.sleep(_POLL_SECONDS)

    async def finish(self) -> None:
        """For an orderly end, once `run` is cancelled: copy what is left and give the file up."""
        try:
            while self._last is not None and await self._copy():
                pass
        except (KyrosError, OSError) as error:
            get_log("kyros.events").warning("the file of events is behind", reason=str(error))
        finally:
            await self._file.close()

    async def _begin(self) -> None:
        repair = await self._file.open()
        if repair is not None:
            await self._tell_repaired(repair)
        newest = await self._file.last()
        if newest is not None:
            await self._check(newest)
        self._last = newest.id if newest is not None else await self._log.first_id() - 1

    async def _check(self, newest: Event) -> None:
        """Raise EventFileRefused unless the log can go on after the file's newest event."""
        known = await self._log.pick([newest.id], EVERYTHING)
        ahead = newest.id > await self._log.last_id()
        if ahead or (known and line_of(known[0]) != line_of(newest)):
            raise EventFileRefused(
                f"{TARGET} ends with event {newest.id}, which is not in this log: it belongs to another "
                "one, or the database is older. Move collaboration/events away; a new file is begun.",
                event_id=newest.id,
            )
        if newest.id + 1 < await self._log.first_id():
            raise EventFileRefused(
                f"{TARGET} ends with event {newest.id}, and the log no longer holds the next one: move "
                "collaboration/events away or put the newer files back; a new file is begun.",
                event_id=newest.id,
            )

    async def _go_on(self) -> None:
        while True:
            self._bell.clear()
            if await self._copy():
                continue
            await self._forget()
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._bell.wait()
            await asyncio.sleep(_PAUSE_SECONDS)  # more come together and share a sync

    async def _copy(self) -> bool:
        """Append the next events of the log; true when there may be more."""
        assert self._last is not None, "_begin comes first"
        fresh = await self._log.page(self._last, _BATCH, EVERYTHING)
        if fresh:
            await self._file.append(fresh)
            self._last = fresh[-1].id
        return len(fresh) == _BATCH

    async def _forget(self) -> None:
        if not self._keep or self._last is None:
            return
        up_to = min(self._last, await self._log.last_id() - self._keep)
        while await self._log.forget(up_to, _BATCH) == _BATCH:
            pass

    async def _tell_repaired(self, repair: Repair) -> None:
        details = {
            "file": repair.file,
            "offset": repair.offset,
            "cut_bytes": repair.cut_bytes,
            "kept": repair.kept,
        }
        get_log("kyros.events").warning("the file of events was cut off after a crash", **details)
        await self._log.append(NewEvent("event_file_repaired", ACTOR, TARGET, details))

    async def _tell_refused(self, error: Exception) -> None:
        """Once for each reason."""
        if isinstance(error, EventFileRefused) and error.message != self._told:
            details = {"reason": error.message}
            with suppress(KyrosError):  # it is tried again, and so is this
                await self._log.append(NewEvent("event_file_refused", ACTOR, TARGET, details))
                self._told = error.message
