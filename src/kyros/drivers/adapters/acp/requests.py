"""What the program asks of us during a turn: leave, files, terminals. Those who wait are waited for aside."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kyros.drivers.adapters.acp.account import Account
from kyros.drivers.adapters.acp.calls import Call, Deed
from kyros.drivers.adapters.acp.files import Files
from kyros.drivers.adapters.acp.permission import choose, options_of, requests_of
from kyros.drivers.adapters.acp.terminals import Terminals, line_of
from kyros.drivers.adapters.acp.wire import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    REQUEST_CANCELLED,
    Id,
    Refused,
)
from kyros.drivers.adapters.bounds import SUBJECT_SIGNS, word
from kyros.drivers.adapters.messages import Event, mapping, text_of, whole
from kyros.drivers.model import (
    AcpSpec,
    ActionKind,
    ApprovalRequest,
    BlockKind,
    Decision,
    Option,
    SessionState,
    State,
)
from kyros.drivers.ports import Listener

_AT_ONCE = 64
_UNDECIDED: Event = {"outcome": {"outcome": "cancelled"}}
_CANCELLED = Refused(REQUEST_CANCELLED, "The request was cancelled.")


@dataclass(frozen=True)
class Later:
    """An answer that has to be waited for, and the one given if nobody waits any more."""

    work: Coroutine[Any, Any, Event]
    otherwise: Event | Refused = _CANCELLED


Work = Callable[[], Coroutine[Any, Any, Event]]
Handler = Callable[[Event], Coroutine[Any, Any, Event | Later]]


@dataclass(frozen=True)
class Room:
    """Where the answers go: to the program, to the session's state, and trouble of our own to its turn."""

    answer: Callable[[Id, Event | Refused], None]
    enter: Callable[[State], None]
    trouble: Callable[[BaseException], None]


class Requests:
    """`account` is that of the turn that is being worked on, if any; whoever wants a file or a command
    without one is refused. Questions are put to the listener one after the other, as they came."""

    def __init__(
        self, spec: AcpSpec, files: Files, terminals: Terminals, listener: Listener, room: Room
    ) -> None:
        self.account: Account | None = None
        self._files = files
        self._terminals = terminals
        self._listener = listener
        self._room = room
        self._asking = asyncio.Lock()
        self._waiting: dict[Id, asyncio.Task[Event]] = {}
        self._handlers: dict[str, Handler] = {"session/request_permission": self._permission}
        if spec.files:
            self._handlers |= {"fs/read_text_file": self._read, "fs/write_text_file": self._write}
        if spec.terminals:
            self._handlers |= {
                "terminal/create": self._create,
                "terminal/output": self._output,
                "terminal/wait_for_exit": self._wait,
                "terminal/kill": self._kill,
                "terminal/release": self._release,
            }

    async def take(self, request: Id, method: str, params: Event) -> None:
        """Answered before this returns, unless it has to wait for a person, or for a command's end."""
        handler = self._handlers.get(method)
        try:
            if handler is None:
                raise Refused(METHOD_NOT_FOUND, f"Method not found: {method[:200]}")
            result = await handler(params)
        except Refused as refusal:
            return self._room.answer(request, refusal)
        if isinstance(result, Later):
            return self._wait_aside(request, result)
        return self._room.answer(request, result)

    def withdraw(self, request: object) -> None:
        """The program does not want to know any more."""
        task = self._waiting.get(request) if isinstance(request, str | int | float) else None
        if task is not None:
            task.cancel()

    async def cancel(self) -> None:
        """Whatever waits is answered as cancelled."""
        tasks = list(self._waiting.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _wait_aside(self, request: Id, later: Later) -> None:
        if len(self._waiting) >= _AT_ONCE or request in self._waiting:
            later.work.close()
            return self._room.answer(request, Refused(INTERNAL_ERROR, "Too much is asked at once."))

        def close(task: asyncio.Task[Event]) -> None:
            del self._waiting[request]
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, Refused):
                self._room.trouble(error)
            result = later.otherwise if task.cancelled() or error is not None else task.result()
            self._room.answer(request, error if isinstance(error, Refused) else result)

        task = asyncio.create_task(later.work)
        self._waiting[request] = task
        return task.add_done_callback(close)

    async def _permission(self, params: Event) -> Event | Later:
        options = options_of(params.get("options"))
        account = self.account
        call = account.asked_of(mapping(params.get("toolCall"))) if account else None
        if account is None or call is None:
            return _UNDECIDED
        return Later(self._decided(account, call, options), _UNDECIDED)

    async def _decided(self, account: Account, call: Call, options: Sequence[Option]) -> Event:
        """What was judged is granted, whatever the call says of itself afterwards."""
        requests = requests_of(call, options)
        deeds = await asyncio.to_thread(self._deeds, requests)
        is_allowed = (await self._judged(account, requests)).allow
        if is_allowed:
            call.granted |= deeds
        chosen = choose(options, is_allowed)
        return {"outcome": {"outcome": "selected", "optionId": chosen}} if chosen is not None else _UNDECIDED

    async def _judged(self, account: Account, requests: Sequence[ApprovalRequest]) -> Decision:
        """All of them, or not at all: the first denial, else the last leave."""
        decision = Decision(False, "deny: nothing was named")
        async with self._asking:
            for request in requests:
                subject = request.subject or request.text
                self._room.enter(
                    State(SessionState.BLOCKED, subject, BlockKind.APPROVAL, tuple(request.options))
                )
                decision = await self._decision(account, request)
                self._room.enter(State(SessionState.WORKING))
                if not decision.allow:
                    break
        return decision

    async def _decision(self, account: Account, request: ApprovalRequest) -> Decision:
        decision = await self._listener.decide(request)
        account.was_denied |= not decision.allow
        return decision

    async def _read(self, params: Event) -> Event | Later:
        path, line, limit = _path(params), whole(params.get("line")), whole(params.get("limit"))

        async def work() -> Event:
            return {"content": await asyncio.to_thread(self._files.read, path, line, limit)}

        request = ApprovalRequest(ActionKind.READ, path, f"Read {path}", "fs/read_text_file")
        return await self._by_leave(request, f"{path} may not be read", work)

    async def _write(self, params: Event) -> Event | Later:
        path, text = _path(params), params.get("content")
        if not isinstance(text, str):
            raise Refused(INVALID_PARAMS, "content is missing: say what is to be written.")

        async def work() -> Event:
            await asyncio.to_thread(self._files.write, path, text)
            return {}

        request = ApprovalRequest(ActionKind.WRITE, path, f"Write {path}", "fs/write_text_file")
        return await self._by_leave(request, f"{path} may not be written", work)

    async def _create(self, params: Event) -> Event | Later:
        line = line_of(params)
        request = ApprovalRequest(ActionKind.COMMAND, line, line, "terminal/create")
        return await self._by_leave(
            request, "The command may not be run", lambda: self._terminals.create(params)
        )

    async def _by_leave(self, request: ApprovalRequest, refusal: str, work: Work) -> Event | Later:
        """What was granted to a call that is still at work is not asked again."""
        account = self._working()
        deed = await asyncio.to_thread(self._deed, request)
        if any(deed in call.granted and not call.has_ended for call in list(account.calls.values())):
            return await work()
        return Later(self._worked(account, request, refusal, work))

    async def _worked(self, account: Account, request: ApprovalRequest, refusal: str, work: Work) -> Event:
        """Reads are many, and hardly ever a person's to decide: they do not stand in line."""
        is_read = request.kind is ActionKind.READ
        decision = await (self._decision(account, request) if is_read else self._judged(account, [request]))
        if not decision.allow:
            raise Refused(INVALID_PARAMS, f"{refusal}: {decision.note or 'the request was denied.'}")
        return await work()

    def _deeds(self, requests: Sequence[ApprovalRequest]) -> set[Deed]:
        """Those that may come back to us: not what happens elsewhere."""
        deeds = set()
        for request in requests:
            with suppress(Refused):
                deeds.add(self._deed(request))
        return deeds

    def _deed(self, request: ApprovalRequest) -> Deed:
        """Of a path, that which is meant now, with links followed. Raises Refused where we serve none."""
        is_path = request.kind in (ActionKind.READ, ActionKind.WRITE)
        return request.kind, str(self._files.locate(request.subject)) if is_path else request.subject

    async def _output(self, params: Event) -> Event:
        return self._terminals.find(params).state()

    async def _wait(self, params: Event) -> Later:
        return Later(self._terminals.find(params).wait())

    async def _kill(self, params: Event) -> Later:
        return Later(_done(self._terminals.find(params).kill()))

    async def _release(self, params: Event) -> Later:
        return Later(_done(self._terminals.take_out(params).stop()))

    def _working(self) -> Account:
        if self.account is None:
            raise Refused(INVALID_PARAMS, "No turn is being worked on: nothing is served between turns.")
        return self.account


async def _done(work: Coroutine[Any, Any, None]) -> Event:
    await work
    return {}


def _path(params: Event) -> str:
    path = text_of(params.get("path"))
    if not path or word(path, SUBJECT_SIGNS) != path:
        raise Refused(INVALID_PARAMS, "path is missing, or no text: say which file.")
    return path
