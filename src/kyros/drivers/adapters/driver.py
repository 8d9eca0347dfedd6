"""Opens a profile's program on the first of its tiers that can be used here."""

from collections.abc import Mapping

from kyros.drivers.adapters.acp.driver import AcpDriver
from kyros.drivers.adapters.headless.driver import HeadlessDriver
from kyros.drivers.adapters.programs import command_of, find
from kyros.drivers.adapters.terminal.driver import TerminalDriver
from kyros.drivers.errors import ProfileInvalid
from kyros.drivers.model import Launch, Profile, Tier
from kyros.drivers.ports import Driver, Listener, Session


class AgentDriver:
    """What the wiring hands to the rooms above."""

    def __init__(self, tiers: Mapping[Tier, Driver] | None = None) -> None:
        self._tiers = tiers or {
            Tier.ACP: AcpDriver(),
            Tier.HEADLESS: HeadlessDriver(),
            Tier.TERMINAL: TerminalDriver(),
        }

    async def open(self, profile: Profile, launch: Launch, listener: Listener) -> Session:
        """A tier whose program is missing, as an adapter of its own may be, is passed over. Where none is
        installed, the refusal names the profile's own program."""
        tiers = [tier for tier in profile.tiers if _described(profile)[tier]]
        if not tiers:
            raise ProfileInvalid(
                f"The profile {profile.name} describes none of its tiers ({', '.join(profile.tiers)}): "
                "add an [acp], [headless] or [terminal] section."
            )
        path = launch.env.get("PATH")
        installed = [tier for tier in tiers if find(command_of(profile, tier), path) is not None]
        own = [tier for tier in tiers if command_of(profile, tier) == profile.command]
        tier = (installed or own or tiers)[0]
        return await self._tiers[tier].open(profile, launch, listener)


def _described(profile: Profile) -> Mapping[Tier, bool]:
    return {
        Tier.ACP: profile.acp is not None,
        Tier.HEADLESS: profile.headless is not None,
        Tier.TERMINAL: profile.terminal is not None,
    }
