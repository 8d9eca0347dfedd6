"""Opens programs that speak ACP."""

from asyncio.subprocess import PIPE

from kyros.drivers.adapters.acp.session import AcpSession, Patience
from kyros.drivers.adapters.child import Child
from kyros.drivers.adapters.programs import command_line, environment
from kyros.drivers.errors import ProfileInvalid
from kyros.drivers.model import Launch, Profile
from kyros.drivers.ports import Listener


class AcpDriver:
    """The program starts here and is greeted at once, so that it may be ready before its work comes."""

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()

    async def open(self, profile: Profile, launch: Launch, listener: Listener) -> AcpSession:
        spec = profile.acp
        if spec is None:
            raise ProfileInvalid(f"The profile {profile.name} has no [acp] section: add one.")
        command = command_line(profile, launch, spec.command or profile.command)
        env = dict(environment(launch, **spec.environment))
        child = await Child.start([*command, *spec.arguments], launch.cwd, env, PIPE, bool(launch.prefix))
        session = AcpSession(profile, spec, command, child, launch, env, listener, self._patience)
        listener.started(child.pid)
        session.begin()
        return session
