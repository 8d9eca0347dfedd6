"""Opens programs through their vendor's JSON mode."""

from kyros.drivers.adapters.headless.dialects import DIALECTS
from kyros.drivers.adapters.headless.session import LINGER_SECONDS, HeadlessSession
from kyros.drivers.adapters.programs import command_line
from kyros.drivers.errors import ProfileInvalid
from kyros.drivers.model import Launch, Profile
from kyros.drivers.ports import Listener


class HeadlessDriver:
    """The program itself starts with each turn. One that has reported its result may linger for a while
    before it is stopped."""

    def __init__(self, linger_seconds: float = LINGER_SECONDS) -> None:
        self._linger_seconds = linger_seconds

    async def open(self, profile: Profile, launch: Launch, listener: Listener) -> HeadlessSession:
        spec = profile.headless
        if spec is None:
            raise ProfileInvalid(f"The profile {profile.name} has no [headless] section: add one.")
        if spec.dialect not in DIALECTS:
            raise ProfileInvalid(
                f"The profile {profile.name} names the dialect {spec.dialect}; "
                f"known ones: {', '.join(sorted(DIALECTS))}."
            )
        argv = command_line(profile, launch)
        return HeadlessSession(
            profile, spec, DIALECTS[spec.dialect], argv, launch, listener, self._linger_seconds
        )
