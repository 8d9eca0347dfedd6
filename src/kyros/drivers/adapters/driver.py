"""Opens a profile's program on the first of its tiers."""

from collections.abc import Mapping

from kyros.drivers.adapters.headless.driver import HeadlessDriver
from kyros.drivers.adapters.terminal.driver import TerminalDriver
from kyros.drivers.errors import ProfileInvalid
from kyros.drivers.model import Launch, Profile, Tier
from kyros.drivers.ports import Driver, Listener, Session


class AgentDriver:
    """What the wiring hands to the rooms above."""

    def __init__(self, tiers: Mapping[Tier, Driver] | None = None) -> None:
        self._tiers = tiers or {Tier.HEADLESS: HeadlessDriver(), Tier.TERMINAL: TerminalDriver()}

    async def open(self, profile: Profile, launch: Launch, listener: Listener) -> Session:
        described = {Tier.HEADLESS: profile.headless, Tier.TERMINAL: profile.terminal}
        for tier in profile.tiers:
            if described[tier] is not None:
                return await self._tiers[tier].open(profile, launch, listener)
        raise ProfileInvalid(
            f"The profile {profile.name} describes none of its tiers ({', '.join(profile.tiers)}): "
            "add a [headless] or [terminal] section."
        )
