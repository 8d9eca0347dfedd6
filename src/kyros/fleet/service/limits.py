"""A vendor's usage limit pauses its profile, and the profile resumes by itself."""

from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from kyros.drivers.model import Outcome, Profile, ResultKind
from kyros.fleet.errors import ProfilePaused
from kyros.fleet.model import BUDGET_EVIDENCE, LIMIT_EVIDENCE, Turn
from kyros.fleet.model.pause import UNREADABLE, Pause, find_notice, resume_at
from kyros.fleet.ports import Pauses
from kyros.kernel.clock import Clock, to_text

_DONE = (ResultKind.OK, ResultKind.COMPACTED)


class Limits:
    """Turns of a paused profile wait; those of others do not."""

    def __init__(self, pauses: Pauses, clock: Clock) -> None:
        self._pauses = pauses
        self._clock = clock

    async def seconds_left(self, profile: str) -> float:
        """Until the profile may work again; 0 when it may."""
        return self._left(await self._pause_of(profile))

    async def check(self, profile: str) -> None:
        """Raises ProfilePaused."""
        pause = await self._pause_of(profile)
        if pause is not None and (seconds := self._left(pause)):
            raise ProfilePaused(
                f"{profile} has reached its vendor's usage limit and goes on at {to_text(pause.until)}; "
                f"`kyros profile resume {profile}` goes on at once.",
                profile=profile,
                retry_after_seconds=seconds,
            )

    async def _pause_of(self, profile: str) -> Pause | None:
        return (await self._pauses.all()).get(profile)

    def _left(self, pause: Pause | None) -> float:
        return 0.0 if pause is None else max((pause.until - self._clock()).total_seconds(), 0.0)

    async def note(self, profile: Profile, turn: Turn, outcome: Outcome, said: str) -> Outcome:
        """The outcome; of a turn that its vendor's limit ended, with the evidence `usage_limit`, and its
        profile paused. `said` is all that the notice may stand in. What one of our budgets ended, no
        vendor's limit did."""
        is_ours = outcome.result in _DONE or outcome.evidence == BUDGET_EVIDENCE
        if profile.usage_limit is None or is_ours:
            return outcome
        found = find_notice(profile.usage_limit, said)
        if found is None:
            return outcome
        now = self._clock()
        until = resume_at(found[1], now, _host_zone()) or now + UNREADABLE
        await self._pauses.pause(Pause(profile.name, until, found[0], now), turn)
        return replace(outcome, evidence=LIMIT_EVIDENCE, note=outcome.note or found[0])

    async def wake(self) -> None:
        """Take away the pauses that are over."""
        for pause in (await self._pauses.all()).values():
            if pause.until <= self._clock():
                await self._pauses.resume(pause.profile, "kyros")


def _host_zone() -> tzinfo:
    return datetime.now().astimezone().tzinfo or UTC
