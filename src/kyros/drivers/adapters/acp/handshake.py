"""From a started program to an open session: who are you, who am I, a folder, a mode, a model."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from kyros.drivers.adapters.acp.wire import AUTH_REQUIRED, Refused, Wire
from kyros.drivers.adapters.bounds import word
from kyros.drivers.adapters.endings import Ended
from kyros.drivers.adapters.messages import Event, items, mapping, text_of
from kyros.drivers.model import AcpSpec, Profile, ResultKind

PROTOCOL_VERSION = 1


@dataclass(frozen=True)
class Opened:
    """`model` is what the program said it would use."""

    session_id: str
    model: str | None


async def open_session(
    wire: Wire, profile: Profile, spec: AcpSpec, cwd: Path, show: Callable[[str], None]
) -> Opened:
    """Raises Refused, HungUp and Ended. Whatever version the program names, it is spoken to as 1."""
    hello = await wire.call("initialize", _hello(spec))
    agent = mapping(hello.get("agentInfo"))
    title = word(agent.get("title")) or word(agent.get("name")) or profile.title
    show(f"{title} {word(agent.get('version'))} (ACP)")
    session = await _new_session(wire, profile, spec, cwd, hello)
    session_id = session.get("sessionId")
    if not isinstance(session_id, str) or not session_id:
        raise Ended(ResultKind.FAILED, "vendor_error", f"{profile.title} opened no session.")
    choice = Choice(wire, session_id, session, show)
    if spec.mode is not None:
        await choice.of_mode(spec.mode)
    model = choice.current_model()
    if spec.model is not None and await choice.of_model(spec.model):
        model = spec.model
    return Opened(session_id, model)


def is_sign_in(refusal: Refused) -> bool:
    """The program, or the model's vendor, does not know who pays. Some answer with the vendor's code."""
    return refusal.code in (AUTH_REQUIRED, 401)


def not_signed_in(profile: Profile, said: str) -> Ended:
    """The words for it."""
    note = (
        f"{profile.title} is not signed in ({said}). Set what its vendor wants of the variables that its "
        f"profile names ({', '.join(profile.env) or 'none'}), or sign in with the agent's own HOME."
    )
    return Ended(ResultKind.FAILED, "sign_in", note)


def _hello(spec: AcpSpec) -> Event:
    return {
        "protocolVersion": PROTOCOL_VERSION,
        "clientInfo": {"name": "kyros", "title": "Kyros", "version": metadata.version("kyros")},
        "clientCapabilities": {
            "fs": {"readTextFile": spec.files, "writeTextFile": spec.files},
            "terminal": spec.terminals,
        },
    }


async def _new_session(wire: Wire, profile: Profile, spec: AcpSpec, cwd: Path, hello: Event) -> Event:
    """Signs in where the program insists and the profile names a way that needs no person."""
    wanted: Event = {"cwd": str(cwd), "mcpServers": []}
    try:
        return await wire.call("session/new", wanted)
    except Refused as refusal:
        if not is_sign_in(refusal):
            raise
        ways = [text_of(method.get("id")) for method in items(hello.get("authMethods"))]
        if spec.sign_in is None or spec.sign_in not in ways:
            raise not_signed_in(profile, refusal.words()) from refusal
    try:
        await wire.call("authenticate", {"methodId": spec.sign_in})
        return await wire.call("session/new", wanted)
    except Refused as refusal:
        raise not_signed_in(profile, refusal.words()) from refusal


class Choice:
    """What a new session offers to choose from, in the two ways that programs have: lists of their own for
    modes and models, or options of the configuration. What is not offered is passed over, and said."""

    def __init__(self, wire: Wire, session_id: str, session: Event, show: Callable[[str], None]) -> None:
        self._wire = wire
        self._session_id = session_id
        self._modes = mapping(session.get("modes"))
        self._models = mapping(session.get("models"))
        self._options = items(session.get("configOptions"))
        self._show = show

    def current_model(self) -> str | None:
        option = self._option("model")
        return word(self._models.get("currentModelId")) or word(option.get("currentValue")) or None

    async def of_mode(self, mode: str) -> bool:
        offered = [entry.get("id") for entry in items(self._modes.get("availableModes"))]
        return await self._set("mode", mode, offered, "session/set_mode", "modeId")

    async def of_model(self, model: str) -> bool:
        offered = [entry.get("modelId") for entry in items(self._models.get("availableModels"))]
        return await self._set("model", model, offered, "session/set_model", "modelId")

    async def _set(self, what: str, value: str, offered: list[object], method: str, key: str) -> bool:
        option = self._option(what)
        if value in offered:
            await self._call(method, {key: value})
        elif value in _values(option):
            await self._call("session/set_config_option", {"configId": option["id"], "value": value})
        else:
            self._show(f"! The {what} {value} is not offered: the program's own choice stands.")
            return False
        return True

    def _option(self, what: str) -> Event:
        fitting = (entry for entry in self._options if what in (entry.get("category"), entry.get("id")))
        return next((entry for entry in fitting if isinstance(entry.get("id"), str)), {})

    async def _call(self, method: str, params: Event) -> None:
        await self._wire.call(method, {"sessionId": self._session_id, **params})


def _values(option: Event) -> list[object]:
    """Of a list, or of a list of groups."""
    entries = items(option.get("options"))
    grouped = [inner for entry in entries for inner in items(entry.get("options"))]
    return [entry.get("value") for entry in (*entries, *grouped)]
