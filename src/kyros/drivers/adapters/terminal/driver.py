"""Opens programs in terminals."""

from kyros.drivers.adapters.programs import command_line, environment
from kyros.drivers.adapters.terminal.pty import Pty
from kyros.drivers.adapters.terminal.screen import Screen
from kyros.drivers.adapters.terminal.session import Patience, TerminalSession
from kyros.drivers.adapters.terminal.signals import Reader
from kyros.drivers.adapters.terminal.watch import Watch
from kyros.drivers.errors import ProfileInvalid
from kyros.drivers.model import Launch, Profile
from kyros.drivers.ports import Listener


class TerminalDriver:
    """We are the terminal, so TERM is ours to say."""

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()

    async def open(self, profile: Profile, launch: Launch, listener: Listener) -> TerminalSession:
        if profile.terminal is None:
            raise ProfileInvalid(f"The profile {profile.name} has no [terminal] section: add one.")
        argv = command_line(profile, launch)
        screen, reader = Screen(launch.columns, launch.rows), Reader(profile.terminal)
        watch = Watch(screen, reader, lambda reply: pty.write(reply))

        def on_bytes(data: bytes) -> None:
            try:
                listener.output(data)
            finally:
                watch.feed(data)

        pty = Pty(on_bytes, watch.end)
        session = TerminalSession(profile, profile.terminal, pty, watch, listener, self._patience)
        env = environment(launch, TERM="xterm-256color", COLORTERM="truecolor")
        await pty.start(argv, launch.cwd, env, launch.columns, launch.rows, bool(launch.prefix))
        listener.started(pty.pid)
        return session
