"""Drives a program through its vendor's JSON mode: a fresh process for every turn."""

import asyncio
import json
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterable, Sequence
from dataclasses import replace

from kyros.drivers.adapters.child import Child
from kyros.drivers.adapters.endings import Ended, exit_evidence, exit_words, last_words
from kyros.drivers.adapters.headless.dialects import Dialect
from kyros.drivers.adapters.headless.record import Record
from kyros.drivers.adapters.messages import Event, shown
from kyros.drivers.adapters.programs import environment
from kyros.drivers.adapters.stream import Lines
from kyros.drivers.model import (
    BlockKind,
    HeadlessSpec,
    Launch,
    Outcome,
    Profile,
    ResultKind,
    SessionState,
    State,
    Tier,
    state_of,
)
from kyros.drivers.ports import Listener

LINGER_SECONDS = 5.0
_DRAIN_SECONDS = 1.0
_LAST_WORDS_BYTES = 4_000


class HeadlessSession:
    """No conversation is kept between turns. `argv` begins with the launch's prefix and the program."""

    tier = Tier.HEADLESS

    def __init__(
        self, profile: Profile, spec: HeadlessSpec, dialect: Dialect, argv: Sequence[str], launch: Launch,
        listener: Listener, linger_seconds: float,
    ) -> None:  # fmt: skip
        self._profile = profile
        self._spec = spec
        self._dialect = dialect
        self._argv = argv
        self._launch = launch
        self._listener = listener
        self._linger_seconds = linger_seconds
        self._tell = dialect.tells()
        self._child: Child | None = None
        self._is_stopped = False
        listener.state(State(SessionState.STARTING))
        listener.state(State(SessionState.READY, "a program a turn"))

    @property
    def keyboard(self) -> None:
        """It has no terminal."""
        return None

    async def ready(self, timeout_seconds: float) -> Outcome | None:
        return self._stopped() if self._is_stopped else None

    async def turn(self, prompt: str, timeout_seconds: float) -> Outcome:
        record = Record()
        self._tell = self._dialect.tells()
        try:
            async with asyncio.timeout(timeout_seconds) as deadline:
                return await self._drive(prompt, record)
        except TimeoutError:
            if not deadline.expired():
                raise
            note = f"{self._profile.title} was not done after {timeout_seconds:g} s and was stopped."
            return Outcome(ResultKind.TIMED_OUT, "deadline", note, record.usage())
        except Ended as ending:
            return ending.outcome
        finally:
            self._note(None)
            await self._end_child()

    async def stop(self) -> None:
        if not self._is_stopped:
            self._is_stopped = True
            self._listener.state(State(SessionState.LOST, "stopped"))
        await self._end_child()

    async def _drive(self, prompt: str, record: Record) -> Outcome:
        if self._is_stopped:
            return self._verdict(None, record, "")
        child = await self._start(prompt)
        self._listener.started(child.pid)
        self._listener.state(State(SessionState.WORKING))
        said = await self._converse(child, prompt, record)
        return self._verdict(child.exit_code, record, said)

    async def _start(self, prompt: str) -> Child:
        arguments = [part.replace("{prompt}", prompt) for part in self._spec.arguments]
        takes_input = self._dialect.talk is not None or self._spec.prompt_on_stdin
        try:
            self._child = await Child.start(
                [*self._argv, *arguments],
                self._launch.cwd,
                environment(self._launch),
                PIPE if takes_input else DEVNULL,
                bool(self._launch.prefix),
            )
        except (OSError, ValueError) as error:
            note = (
                f"{self._profile.title} could not be started ({error}): make the prompt shorter or plainer."
            )
            raise Ended(ResultKind.FAILED, "not_accepted", note) from error
        return self._child

    async def _converse(self, child: Child, prompt: str, record: Record) -> str:
        """Until the program ends, or has reported its result and lingers. Returns its last complaints."""
        complaints = bytearray()
        over = asyncio.Event()
        events = asyncio.create_task(self._events(child, record, over))
        exited = asyncio.create_task(child.wait())
        tasks = [events, exited, asyncio.create_task(self._complaints(child, complaints))]
        waiting = asyncio.create_task(over.wait())
        try:
            await self._say_first(child, prompt)
            await asyncio.wait({events, exited, waiting}, return_when=asyncio.FIRST_COMPLETED)
            child.end_input()
            await asyncio.wait({exited}, timeout=self._linger_seconds)
            await asyncio.wait(tasks, timeout=_DRAIN_SECONDS)
            if events.done():
                events.result()
        finally:
            for task in (*tasks, waiting):
                task.cancel()
        return complaints.decode("utf-8", "replace")

    async def _say_first(self, child: Child, prompt: str) -> None:
        if self._dialect.talk is not None:
            await child.say(_line(self._dialect.talk.opening(prompt)))
        elif self._spec.prompt_on_stdin:
            await child.say(prompt.encode())
            child.end_input()

    async def _events(self, child: Child, record: Record, over: asyncio.Event) -> None:
        lines = Lines()
        while chunk := await child.stdout.read():
            for entry in lines.feed(chunk):
                await self._take(child, entry, record)
            if record.is_over:
                over.set()
        for entry in lines.end():
            await self._take(child, entry, record)

    def _note(self, entry: Event | str | None) -> None:
        for one in self._tell(entry):
            self._listener.note(one)

    async def _take(self, child: Child, entry: Event | str, record: Record) -> None:
        self._note(entry)
        if isinstance(entry, str):
            return self._show(self._dialect.read_line(entry, record))
        talk = self._dialect.talk
        request = talk.request_of(entry) if talk else None
        if talk is None or request is None:
            before = record.usage()
            self._show(self._dialect.read(entry, record))
            if (usage := record.usage()) != before:
                self._listener.spent(usage)
            return None
        subject = request.subject or request.text
        self._listener.state(State(SessionState.BLOCKED, subject, BlockKind.APPROVAL, request.options))
        decision = await self._listener.decide(request)
        self._listener.state(State(SessionState.WORKING))
        return await child.say(_line(talk.answer_to(entry, decision)))

    async def _complaints(self, child: Child, tail: bytearray) -> None:
        while chunk := await child.stderr.read():
            tail += chunk
            del tail[:-_LAST_WORDS_BYTES]
            self._show(shown(chunk.decode("utf-8", "replace")))

    def _show(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._listener.output(f"{line}\r\n".encode())

    def _verdict(self, code: int | None, record: Record, complaints: str) -> Outcome:
        outcome = self._judge(code, record, complaints)
        if outcome.result is ResultKind.LOST:
            self._listener.state(State(SessionState.LOST, outcome.evidence))
        elif outcome.result is not ResultKind.CANCELLED:
            self._listener.state(state_of(outcome))
            self._listener.state(State(SessionState.READY))
        return outcome

    def _judge(self, code: int | None, record: Record, complaints: str) -> Outcome:
        """The vendor's own word decides; without one no exit code makes a success."""
        title, usage = self._profile.title, record.usage()
        if record.failure is not None:
            return Outcome(ResultKind.FAILED, "vendor_error", f"{title}: {record.failure}", usage)
        if record.is_done:
            return Outcome(ResultKind.OK, "vendor_result", "", usage)
        if self._is_stopped:
            return replace(self._stopped(), usage=usage)
        kind = ResultKind.LOST if code is not None and code < 0 else ResultKind.FAILED
        said = last_words(complaints)
        note = f"{title} ended {exit_words(code)} without reporting a result."
        return Outcome(kind, exit_evidence(code), note + (f" Its last words: {said}" if said else ""), usage)

    def _stopped(self) -> Outcome:
        return Outcome(ResultKind.CANCELLED, "stopped", f"{self._profile.title} was stopped.")

    async def _end_child(self) -> None:
        if self._child is not None:
            await self._child.stop()


def _line(event: Event) -> bytes:
    return json.dumps(event).encode() + b"\n"
