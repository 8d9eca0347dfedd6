"""Drives one program in a terminal: ready, submit, watch, answer, done. The profile knows its signs."""

import asyncio
from dataclasses import dataclass

from kyros.drivers.adapters.endings import Ended, exit_evidence, exit_words, last_words
from kyros.drivers.adapters.terminal.prompt import Trace, as_line, as_paste, clean
from kyros.drivers.adapters.terminal.pty import Pty
from kyros.drivers.adapters.terminal.signals import Reader, Sight
from kyros.drivers.adapters.terminal.watch import ProgramGone, Watch
from kyros.drivers.model import (
    BlockKind,
    Outcome,
    Profile,
    ResultKind,
    SessionState,
    State,
    TerminalSignals,
    Tier,
    state_of,
)
from kyros.drivers.ports import Keyboard, Listener

_LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class Patience:
    """How long a screen may stand still before we draw a conclusion from it, in seconds.

    A program that shows when it is busy, and now shows nothing we know, is asking something (`dialog`).
    One without a busy sign may as well be thinking, so it gets longer (`silence`).
    """

    start: float = 120.0
    start_still: float = 20.0
    accept: float = 15.0
    dialog: float = 20.0
    silence: float = 180.0
    unseen_work: float = 3.0
    approval: float = 10.0


class TerminalSession:
    """A started program. One turn at a time; once it is lost or stopped it is of no more use."""

    tier = Tier.TERMINAL

    def __init__(
        self, profile: Profile, signals: TerminalSignals, pty: Pty, watch: Watch, listener: Listener,
        patience: Patience,
    ) -> None:  # fmt: skip
        self._title = profile.title
        self._signals = signals
        self._reader = Reader(signals)
        self._pty = pty
        self._keys = Keys(pty, watch)
        self._watch = watch
        self._listener = listener
        self._patience = patience
        self._settle = signals.submit_settle_ms / 1000
        self._is_stopping = False
        self._state: State | None = None
        self._enter(State(SessionState.STARTING))

    @property
    def keyboard(self) -> Keyboard:
        return self._keys

    async def ready(self, timeout_seconds: float) -> Outcome | None:
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._until_ready()
        except TimeoutError:
            return self._blocked("not_ready", f"did not come to its prompt in {timeout_seconds:g} s").outcome
        except ProgramGone:
            return self._gone()
        except Ended as ending:
            return ending.outcome
        return None

    async def turn(self, prompt: str, timeout_seconds: float) -> Outcome:
        try:
            async with asyncio.timeout(timeout_seconds) as deadline:
                return await self._drive(prompt)
        except TimeoutError:
            if not deadline.expired():
                raise
            await self._end()
            return Outcome(
                ResultKind.TIMED_OUT,
                "deadline",
                f"{self._title} was not done after {timeout_seconds:g} s and was stopped.",
            )
        except ProgramGone:
            return self._gone()
        except Ended as ending:
            return ending.outcome
        except asyncio.CancelledError:
            await self.stop()
            raise

    async def stop(self) -> None:
        self._is_stopping = True
        await self._end()

    async def _end(self) -> None:
        await self._pty.stop()
        self._enter(State(SessionState.LOST, "stopped"))

    async def _drive(self, prompt: str) -> Outcome:
        if not clean(prompt):
            raise Ended(ResultKind.FAILED, "not_accepted", "The prompt is empty: say what is to be done.")
        await self._until_ready()
        await self._submit(prompt)
        return await self._until_done()

    async def _until_ready(self) -> None:
        """Dialogs on the way that the profile knows are decided like any other; unknown ones block."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._patience.start
        while True:
            if self._keys.is_held:
                give_up = loop.time() + self._patience.start
                await self._watch.moved(_LOOK_SECONDS)
                continue
            if self._watch.sees(Sight.DIALOG):
                await self._answer()
                continue
            if self._watch.sees(Sight.READY):
                settled = await self._watch.settled(self._settle)
                if settled.sight is Sight.READY and not self._keys.is_held:
                    return self._enter(State(SessionState.READY, "ready_prompt"))
                continue
            still = self._watch.still_seconds >= self._patience.start_still
            if loop.time() >= give_up or (still and self._watch.reading.text):
                raise self._blocked("not_ready", "did not come to its prompt")
            await self._watch.moved(_LOOK_SECONDS)

    async def _submit(self, prompt: str) -> None:
        """Type, see it in the composer, Enter, see it taken. Never Enter into something else, and
        never twice."""
        trace = Trace(prompt, self._shown())
        self._watch.expect(trace)
        self._pty.write(as_paste(prompt) if self._watch.screen.takes_pastes else as_line(prompt))
        await self._until_typed(trace)
        await asyncio.sleep(self._settle)
        await self._until_given_back()
        if self._watch.sees(Sight.DIALOG) or not trace.stands_in(self._shown()):
            raise self._not_accepted("showed something else before Enter was pressed")
        await self._enter_prompt(trace)
        self._enter(State(SessionState.WORKING))

    async def _until_typed(self, trace: Trace) -> None:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._patience.accept
        while not self._is_typed(trace):
            if self._keys.is_held:
                await self._until_given_back()
                give_up = loop.time() + self._patience.accept
            if loop.time() >= give_up or self._watch.sees(Sight.DIALOG):
                raise self._not_accepted("did not show the prompt in its input box; Enter was not pressed")
            await self._watch.moved(_LOOK_SECONDS)

    def _is_typed(self, trace: Trace) -> bool:
        """New words on the screen; or the words in an input box that was empty and is so no more."""
        shown = self._shown()
        return trace.is_new_in(shown) or (trace.stands_in(shown) and not self._watch.sees(Sight.READY))

    async def _enter_prompt(self, trace: Trace) -> None:
        """Taken means: it works, it asks, or the input box is empty again (where emptiness shows)."""
        shows_emptiness = not self._watch.sees(Sight.READY)
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._patience.accept
        self._watch.forget()
        self._pty.write(b"\r")
        while loop.time() < give_up or self._keys.is_held:
            if self._watch.has_seen(Sight.BUSY, Sight.DIALOG):
                return
            if self._watch.sees(Sight.READY) and shows_emptiness:
                return
            if self._signals.busy is None and not self._is_last_line(trace):
                return
            if self._watch.has_skipped:  # the busy sign may have been in what nobody looked at
                return
            await self._watch.moved(_LOOK_SECONDS)
        raise self._not_accepted("did not begin to work after Enter")

    def _is_last_line(self, trace: Trace) -> bool:
        return trace.stands_in(self._watch.reading.text.rpartition("\n")[2])

    async def _until_done(self) -> Outcome:
        """Done is: back at the prompt after work was seen. Work too quick to be seen is believed when
        the prompt then stands still for a while."""
        while True:
            if self._keys.is_held:
                await self._watch.moved(_LOOK_SECONDS)
                continue
            if self._watch.sees(Sight.DIALOG):
                await self._answer()
                continue
            if self._watch.sees(Sight.READY):
                settled = await self._watch.settled(self._done_seconds())
                if settled.sight is Sight.READY and not self._keys.is_held:
                    return self._verdict(settled.text)
                continue
            self._refuse_silence()
            await self._watch.moved(_LOOK_SECONDS)

    def _done_seconds(self) -> float:
        worked = self._watch.has_seen(Sight.BUSY, Sight.DIALOG) or self._signals.busy is None
        return self._signals.done_settle_ms / 1000 if worked else self._patience.unseen_work

    def _refuse_silence(self) -> None:
        """A busy sign may stand for hours. Nothing known that stands still is a question we do not know."""
        if self._watch.sees(Sight.BUSY):
            return
        limit = self._patience.silence if self._signals.busy is None else self._patience.dialog
        if self._watch.still_seconds >= limit:
            raise self._blocked("unknown_dialog", "shows something that its profile does not know")

    async def _answer(self) -> None:
        """Let the dialog that stands there be decided, press the keys, wait until it has gone."""
        reading = await self._watch.settled(self._settle)
        if reading.request is None:
            return
        subject = reading.request.subject or reading.request.text
        self._enter(State(SessionState.BLOCKED, subject, BlockKind.APPROVAL))
        decision = await self._watch.while_showing(reading, self._listener.decide(reading.request))
        if decision is not None and await self._is_left_to_us():
            self._watch.skip()
            keys = self._signals.allow_keys if decision.allow else self._signals.deny_keys
            self._pty.write(keys.encode())
            if await self._watch.next(self._patience.approval) is None:
                raise self._blocked("approval_not_taken", "did not take the answer to its question")
        self._enter(State(SessionState.WORKING))

    async def _is_left_to_us(self) -> bool:
        """Whoever held the keyboard may have answered; another question like it may stand there by now."""
        if not self._keys.is_held:
            return True
        await self._until_given_back()
        return await self._watch.next(self._settle) is None

    async def _until_given_back(self) -> None:
        while self._keys.is_held:
            await self._watch.moved(_LOOK_SECONDS)

    def _verdict(self, text: str) -> Outcome:
        failure = self._reader.failure(text)
        outcome = Outcome(ResultKind.OK, "ready_prompt")
        if failure is not None:
            outcome = Outcome(ResultKind.FAILED, "failed_sign", failure)
        self._enter(state_of(outcome))
        self._enter(State(SessionState.READY, "ready_prompt"))
        return outcome

    def _gone(self) -> Outcome:
        self._enter(State(SessionState.LOST, exit_evidence(self._pty.exit_code)))
        if self._is_stopping:
            return Outcome(ResultKind.CANCELLED, "stopped", f"{self._title} was stopped.")
        said = last_words(self._watch.screen.live(self._signals.live_rows))
        return Outcome(
            ResultKind.LOST,
            exit_evidence(self._pty.exit_code),
            f"{self._title} ended in the middle of its work {exit_words(self._pty.exit_code)}."
            + (f" Its last words: {said}" if said else ""),
        )

    def _blocked(self, evidence: str, what: str) -> Ended:
        self._enter(State(SessionState.BLOCKED, evidence, BlockKind.DIALOG))
        return Ended(ResultKind.BLOCKED, evidence, f"{self._title} {what}. Its screen:\n{self._shown()}")

    def _not_accepted(self, what: str) -> Ended:
        return Ended(
            ResultKind.FAILED,
            "not_accepted",
            f"{self._title} {what}; the prompt was not sent again. Its screen:\n{self._shown()}",
        )

    def _shown(self) -> str:
        return "\n".join(self._watch.screen.display()).rstrip()

    def _enter(self, state: State) -> None:
        is_lost = self._state is not None and self._state.state is SessionState.LOST
        if not is_lost and self._state != state:
            self._state = state
            self._listener.state(state)


class Keys:
    """ports.Keyboard of a terminal."""

    def __init__(self, pty: Pty, watch: Watch) -> None:
        self._pty = pty
        self._watch = watch
        self.is_held = False

    def type(self, keys: bytes) -> None:
        self._pty.write(keys)

    def resize(self, columns: int, rows: int) -> None:
        self._watch.screen.resize(columns, rows)
        self._pty.resize(columns, rows)

    def hold(self, held: bool) -> None:
        self.is_held = held
        self._watch.stir()
