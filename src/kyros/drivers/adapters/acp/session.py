"""Drives one program over ACP: a session is opened once, then every prompt is a turn of it."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kyros.drivers.adapters.acp.account import Account
from kyros.drivers.adapters.acp.figures import Figures
from kyros.drivers.adapters.acp.files import Files
from kyros.drivers.adapters.acp.handshake import Opened, is_sign_in, not_signed_in, open_session
from kyros.drivers.adapters.acp.requests import Requests, Room
from kyros.drivers.adapters.acp.tally import tally
from kyros.drivers.adapters.acp.terminals import Terminals
from kyros.drivers.adapters.acp.wire import HungUp, Id, Refused, Wire
from kyros.drivers.adapters.child import Child
from kyros.drivers.adapters.endings import Ended, exit_evidence, exit_words, last_words
from kyros.drivers.adapters.messages import Event, mapping, shown, text_of
from kyros.drivers.model import (
    AcpSpec,
    Launch,
    Outcome,
    Profile,
    ResultKind,
    SessionState,
    State,
    Tier,
    Usage,
    state_of,
)
from kyros.drivers.ports import Listener

_LAST_WORDS_BYTES = 4_000
_UNSENT_BYTES = 64_000_000
_STOPS = {
    "max_tokens": "reached the model's limit of tokens: split the task into smaller ones",
    "max_turn_requests": "reached its limit of requests in one turn: split the task, or raise its limit",
    "refusal": "refused to go on: the model declined the prompt",
}


@dataclass(frozen=True)
class Patience:
    """In seconds: what a cancelled turn may take to end, how long late updates are waited for at most, how
    long we read on when the program has ended, and how long it may live on with its output closed."""

    cancel: float = 2.0
    drain: float = 5.0
    rest: float = 1.0
    closed: float = 2.0


class AcpSession:
    """One turn at a time. Create it with its program started by `command`, then `begin`."""

    tier = Tier.ACP
    keyboard = None

    def __init__(
        self, profile: Profile, spec: AcpSpec, command: Sequence[str], child: Child, launch: Launch,
        env: dict[str, str], listener: Listener, patience: Patience,
    ) -> None:  # fmt: skip
        self._profile = profile
        self._title = profile.title
        self._spec = spec
        self._child = child
        self._cwd = launch.cwd
        self._listener = listener
        self._patience = patience
        self._wire = Wire(self._send, self._asked, self._told, self._junk)
        self._terminals = Terminals(launch.cwd, env, launch.prefix)
        self._requests = Requests(
            spec, Files(launch.cwd), self._terminals, listener,
            Room(self._answer, self._enter, self._break),
        )  # fmt: skip
        self._state: State | None = None
        self._opened: Opened | None = None
        self._prompt: asyncio.Task[Event] | None = None
        self._trouble: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._said = bytearray()
        self._heard = 0.0
        self._earlier: frozenset[str] = frozenset()
        self._tally = [*command, *spec.tally] if spec.tally else []
        self._env = env
        self._figures: Figures | None = None
        self._is_stopping = False
        self._tasks: list[asyncio.Task[Any]] = []
        self._enter(State(SessionState.STARTING))

    def begin(self) -> None:
        reading = asyncio.create_task(self._read())
        complaining = asyncio.create_task(self._complaints())
        self._watching = asyncio.create_task(self._watch(reading))
        self._greeting = asyncio.create_task(self._greet())
        self._tasks = [reading, complaining, self._watching]

    async def ready(self, timeout_seconds: float) -> Outcome | None:
        if self._is_stopping:
            return self._stopped()
        await asyncio.wait({self._greeting}, timeout=timeout_seconds)
        if self._greeting.done():
            return self._greeting.result()
        note = f"{self._title} did not open a session in {timeout_seconds:g} s."
        return Outcome(ResultKind.FAILED, "not_ready", note)

    async def turn(self, prompt: str, timeout_seconds: float) -> Outcome:
        account = Account(self._listener, self._cwd, Figures(self._spec), self._earlier)
        try:
            async with asyncio.timeout(timeout_seconds) as deadline:
                failure = await asyncio.shield(self._greeting)
                if failure is not None or self._is_stopping:
                    return failure or self._stopped()
                account = self._new_account()
                return await self._drive(prompt, account)
        except TimeoutError:
            if not deadline.expired():
                raise
            await self._end()
            account.take_response(_answer_of(self._prompt))
            note = f"{self._title} was not done after {timeout_seconds:g} s and was stopped."
            return Outcome(ResultKind.TIMED_OUT, "deadline", note, account.usage())
        except Ended as ending:
            return ending.outcome
        except asyncio.CancelledError:
            await self.stop()
            account.take_response(_answer_of(self._prompt))
            raise

    async def stop(self) -> None:
        self._is_stopping = True
        await self._end()

    async def _end(self) -> None:
        """Asked to cancel, given a while, then ended with everything it had us start."""
        is_working = self._prompt is not None and not self._prompt.done()
        if is_working and self._opened is not None:
            self._wire.notify("session/cancel", {"sessionId": self._opened.session_id})
        await self._requests.cancel()
        if self._prompt is not None and is_working:
            await asyncio.wait({self._prompt}, timeout=self._patience.cancel)
        await asyncio.gather(self._child.stop(), self._terminals.stop())
        await asyncio.wait(self._tasks)
        await asyncio.wait({self._greeting})
        self._enter(State(SessionState.LOST, "stopped"))

    async def _greet(self) -> Outcome | None:
        """Why no prompt will ever be taken, or None."""
        try:
            async with asyncio.timeout(self._spec.start_seconds):
                opened = await open_session(self._wire, self._profile, self._spec, self._cwd, self._show)
        except TimeoutError:
            note = f"{self._title} did not open a session in {self._spec.start_seconds:g} s."
            outcome = Outcome(ResultKind.FAILED, "not_ready", note)
        except HungUp:
            return self._gone(Usage())
        except Refused as refusal:
            outcome = Outcome(ResultKind.FAILED, "vendor_error", f"{self._title}: {refusal.words()}")
        except Ended as ending:
            outcome = ending.outcome
        else:
            self._opened = opened
            self._enter(State(SessionState.READY, "session/new"))
            return None
        self._enter(state_of(outcome))
        return outcome

    def _new_account(self) -> Account:
        model = self._opened.model if self._opened else None
        figures = Figures(self._spec, self._figures, model)
        return Account(self._listener, self._cwd, figures, self._earlier)

    async def _drive(self, prompt: str, account: Account) -> Outcome:
        assert self._opened is not None
        if not prompt.strip():
            raise Ended(ResultKind.FAILED, "not_accepted", "The prompt is empty: say what is to be done.")
        self._requests.account = account
        self._enter(State(SessionState.WORKING))
        text = {"type": "text", "text": prompt}
        params = {"sessionId": self._opened.session_id, "prompt": [text]}
        self._prompt = asyncio.create_task(self._wire.call("session/prompt", params))
        try:
            outcome, reason = await self._answered(self._prompt, account)
            return self._close(outcome, reason)
        finally:
            self._requests.account = None
            self._earlier = account.close()
            self._figures = account.figures

    async def _answered(self, prompt: asyncio.Task[Event], account: Account) -> tuple[Outcome, str]:
        """The outcome, and the program's own reason for its end. Late updates still belong to the turn."""
        either: set[asyncio.Future[Any]] = {prompt, self._trouble}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._trouble.done():
            prompt.add_done_callback(_look_away)
            self._trouble.result()
        try:
            response = prompt.result()
        except HungUp:
            return self._gone(account.usage()), ""
        except Refused as refusal:
            await self._settle(account)
            return self._refused(refusal, account), str(refusal.code)
        account.take_response(response)
        await self._settle(account)
        await self._requests.cancel()
        reason = text_of(response.get("stopReason"))[:100]
        return replace(self._judge(reason, account), usage=account.usage()), reason

    async def _settle(self, account: Account) -> None:
        """What comes late, and what only a command of the program's own tells."""
        await self._drain()
        if self._tally and self._opened is not None:
            account.take_tally(await tally(self._tally, self._opened.session_id, self._cwd, self._env))

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._patience.drain
        while not self._watching.done():
            rest = min(self._heard + self._spec.drain_ms / 1000, end) - loop.time()
            if rest <= 0:
                return
            await asyncio.wait({self._watching}, timeout=rest)

    def _judge(self, reason: str, account: Account) -> Outcome:
        evidence = f"stop_reason:{reason or 'none'}"
        if self._is_stopping:
            return self._stopped()
        if reason == "cancelled" and not account.was_denied:
            return Outcome(ResultKind.CANCELLED, evidence, f"{self._title} cancelled the turn by itself.")
        if reason == "cancelled":
            return Outcome(ResultKind.FAILED, "denied", f"{self._title} gave up when a request was denied.")
        if reason != "end_turn":
            why = _STOPS.get(reason, f"ended for the reason {reason or '(none)'}, which is not known")
            return Outcome(ResultKind.FAILED, evidence, f"{self._title} {why}.")
        said = account.last_message
        if self._spec.failed is not None and re.search(self._spec.failed, said, re.MULTILINE):
            return Outcome(ResultKind.FAILED, "failed_sign", f"{self._title}: {last_words(said)}")
        if account.is_silent:
            note = f"{self._title} ended its turn without saying or doing anything."
            return Outcome(ResultKind.FAILED, "silent", note)
        return Outcome(ResultKind.OK, evidence)

    def _refused(self, refusal: Refused, account: Account) -> Outcome:
        usage = account.usage()
        if self._is_stopping:
            return replace(self._stopped(), usage=usage)
        if is_sign_in(refusal):
            return replace(not_signed_in(self._profile, refusal.words()).outcome, usage=usage)
        return Outcome(ResultKind.FAILED, "vendor_error", f"{self._title}: {refusal.words()}", usage)

    def _close(self, outcome: Outcome, reason: str) -> Outcome:
        is_alive = not self._watching.done() and not self._is_stopping
        if outcome.result is not ResultKind.LOST and not self._is_stopping:
            self._enter(replace(state_of(outcome), detail=reason or outcome.result))
        if is_alive and outcome.result is not ResultKind.LOST:
            self._enter(State(SessionState.READY, "session/prompt"))
        return outcome

    def _gone(self, usage: Usage) -> Outcome:
        if self._is_stopping:
            return replace(self._stopped(), usage=usage)
        code = self._child.exit_code
        evidence = "hung_up" if code is None else exit_evidence(code)
        self._enter(State(SessionState.LOST, evidence))
        what = (
            "stopped speaking ACP" if code is None else f"ended in the middle of its work {exit_words(code)}"
        )
        said = last_words(self._said.decode("utf-8", "replace"))
        note = f"{self._title} {what}." + (f" Its last words: {said}" if said else "")
        return Outcome(ResultKind.LOST, evidence, note, usage)

    def _stopped(self) -> Outcome:
        return Outcome(ResultKind.CANCELLED, "stopped", f"{self._title} was stopped.")

    async def _read(self) -> None:
        while chunk := await self._child.stdout.read():
            self._heard = asyncio.get_running_loop().time()
            await self._wire.feed(chunk)
        await self._wire.end()

    async def _complaints(self) -> None:
        while chunk := await self._child.stderr.read():
            self._keep(chunk)
            self._show(*shown(chunk.decode("utf-8", "replace")))

    async def _watch(self, reading: asyncio.Task[None]) -> None:
        """Until the program is gone, or has closed its output and does not go."""
        exited = asyncio.create_task(self._child.wait())
        try:
            await asyncio.wait({reading, exited}, return_when=asyncio.FIRST_COMPLETED)
            await self._read_on(reading)
            if reading.done() and (error := reading.exception()) is not None:
                self._break(error)
            await asyncio.wait({exited}, timeout=self._patience.closed)
        finally:
            exited.cancel()
            self._wire.hang_up()
        if self._state is not None and self._state.state in (SessionState.READY, SessionState.DONE):
            self._gone(Usage())

    async def _read_on(self, reading: asyncio.Task[None]) -> None:
        """What it printed before its end may be much; what it left running may hold the pipe for ever."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not reading.done():
            rest = max(self._heard, began) + self._patience.rest - loop.time()
            if rest <= 0:
                return
            await asyncio.wait({reading}, timeout=rest)

    async def _asked(self, request: Id, method: str, params: Event) -> None:
        await self._requests.take(request, method, params)

    def _told(self, method: str, params: Event) -> None:
        """Notifications that nobody knows mean nothing."""
        account = self._requests.account
        if method == "session/update" and account is not None:
            account.take(mapping(params.get("update")))
        elif method == "$/cancel_request":
            self._requests.withdraw(params.get("requestId"))

    def _junk(self, line: str) -> None:
        self._keep(line[:_LAST_WORDS_BYTES].encode("utf-8", "replace") + b"\n")
        self._show(*shown(line))

    def _answer(self, request: Id, result: Event | Refused) -> None:
        if isinstance(result, Refused):
            self._wire.refuse(request, result)
        else:
            self._wire.answer(request, result)

    def _send(self, data: bytes) -> None:
        """A program that asks and asks and never listens is given up."""
        if self._child.unsent_bytes > _UNSENT_BYTES:
            self._keep(b"it does not read what it is told\n")
            return self._wire.hang_up()
        return self._child.send(data)

    def _break(self, error: BaseException) -> None:
        """Trouble of our own ends the turn as it is."""
        if not self._trouble.done():
            self._trouble.set_exception(error)
            self._trouble.exception()  # it may come when no turn is there to look at it

    def _keep(self, said: bytes) -> None:
        self._said += said
        del self._said[:-_LAST_WORDS_BYTES]

    def _show(self, *lines: str) -> None:
        for line in lines:
            self._listener.output(f"{line}\r\n".encode())

    def _enter(self, state: State) -> None:
        is_lost = self._state is not None and self._state.state is SessionState.LOST
        if not is_lost and self._state != state:
            self._state = state
            self._listener.state(state)


def _answer_of(prompt: asyncio.Task[Event] | None) -> Event:
    """What a cancelled prompt was answered with, if it was."""
    if prompt is None or not prompt.done() or prompt.cancelled() or prompt.exception() is not None:
        return {}
    return prompt.result()


def _look_away(task: asyncio.Task[Event]) -> None:
    """Its error, if any, is of no more interest."""
    if not task.cancelled():
        task.exception()
