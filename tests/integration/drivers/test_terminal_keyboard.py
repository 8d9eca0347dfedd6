"""While somebody holds a terminal's keyboard the driver presses no key, nor does it again what they did."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from kyros.drivers.adapters.terminal.driver import TerminalDriver
from kyros.drivers.adapters.terminal.session import TerminalSession
from kyros.drivers.model import ApprovalRequest, Decision, Outcome, Profile, ResultKind
from kyros.drivers.ports import Listener
from tests.contract.drivers.rigs import PROMPT, Ears, launch
from tests.integration.drivers.conftest import SIGNALS, MakeProgram


class Holding(Ears):
    """Somebody takes the keyboard: when they are asked, or when `words` are printed."""

    session: TerminalSession

    def __init__(self, words: str = "") -> None:
        super().__init__()
        self.words = words.encode()
        self.held = asyncio.Event()

    def listener(self) -> Listener:
        return replace(super().listener(), output=self._output)

    def _output(self, data: bytes) -> None:
        self.output.extend(data)
        if self.words and self.words in self.output and not self.held.is_set():
            self.hold()

    async def _decide(self, request: ApprovalRequest) -> Decision:
        self.hold()
        return await super()._decide(request)

    def hold(self) -> None:
        self.session.keyboard.hold(True)
        self.held.set()

    async def types(self, keys: bytes, until: bytes) -> None:
        """As often as it is there already, and once more."""
        count = self.output.count(until)
        self.session.keyboard.type(keys)
        while self.output.count(until) == count:
            await asyncio.sleep(0.001)


ASKS_ONCE = """
write("ready> ")
write(os.read(0, 65536).decode())
os.read(0, 65536)
write("\\r\\nOK? (y/n)")
while key := os.read(0, 65536):
    open("keys", "ab").write(key)
    if key in (b"y", b"n"):
        write("\\x1b[2J\\x1b[Hworking\\r\\ndone\\r\\nready> ")
    else:
        write("\\a")
"""


async def _held(driver: TerminalDriver, profile: Profile, work: Path, ears: Holding) -> asyncio.Task[Outcome]:
    """A turn that is at work, up to where the keyboard is held."""
    ears.session = await driver.open(profile, launch(work), ears.listener())
    turn = asyncio.create_task(ears.session.turn(PROMPT, 60))
    async with asyncio.timeout(30):
        await ears.held.wait()
    return turn


@pytest.mark.parametrize(("typed", "pressed"), [(b"n", b"n"), (b"", b"y")])
async def test_a_question_is_answered_once_by_whoever_holds_the_keyboard_or_when_it_is_given_back(
    hasty: TerminalDriver, program: MakeProgram, work: Path, typed: bytes, pressed: bytes
) -> None:
    ears = Holding()
    turn = await _held(hasty, program(ASKS_ONCE), work, ears)
    for _ in range(20):
        await ears.types(b"\t", until=b"\a")
    if typed:
        await ears.types(typed, until=b"done")
    ears.session.keyboard.hold(False)
    assert (await turn).result is ResultKind.OK
    await ears.session.stop()
    assert (work / "keys").read_bytes() == b"\t" * 20 + pressed


async def test_enter_waits_until_the_keyboard_is_given_back(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = """
    write("ready> ")
    while key := os.read(0, 65536):
        open("keys", "ab").write(key)
        said = key.decode().replace("\\t", "\\a")
        write(said.replace("\\r", "\\r\\nworking\\r\\ndone\\r\\nready> "))
    """
    ears = Holding(words=PROMPT)
    turn = await _held(hasty, program(source, replace(SIGNALS, submit_settle_ms=0)), work, ears)
    for _ in range(20):
        await ears.types(b"\t", until=b"\a")
    ears.session.keyboard.hold(False)
    assert (await turn).result is ResultKind.OK
    await ears.session.stop()
    assert (work / "keys").read_bytes() == PROMPT.encode() + b"\t" * 20 + b"\r"
