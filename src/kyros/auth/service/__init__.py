"""Who is calling, who may be let in, and for how long."""

from kyros.auth.service.access import AccessTokens
from kyros.auth.service.identify import Auth, operator
from kyros.auth.service.keys import Keys
from kyros.auth.service.people import People
from kyros.auth.service.refusals import Refusals
from kyros.auth.service.sessions import Sessions
from kyros.auth.service.throttle import Throttle
from kyros.auth.service.tokens import AgentTokens

__all__ = [
    "AccessTokens",
    "AgentTokens",
    "Auth",
    "Keys",
    "People",
    "Refusals",
    "Sessions",
    "Throttle",
    "operator",
]
