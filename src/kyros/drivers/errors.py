"""What a driver refuses."""

from kyros.kernel.errors import Invalid, NotFound


class ProfileNotFound(NotFound):
    code = "profile_not_found"


class ProfileInvalid(Invalid):
    code = "profile_invalid"


class AgentNotInstalled(NotFound):
    """The profile's program is not on the PATH; the message says how to install it."""

    code = "agent_not_installed"
