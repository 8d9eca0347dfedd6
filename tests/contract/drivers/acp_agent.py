"""An agent that speaks ACP and does, at each prompt, what STEPS.json in its folder says. Run by the tests.

START.json may say how it begins: `junk`, `seconds`, `version`, `auth` (once, always), `exit`, `session`,
`says`.
What the client answered is kept in ANSWERS.jsonl, what it was told in HEARD.jsonl.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class Agent:
    def __init__(self, start: Json) -> None:
        self.start = start
        self.is_signed_in = "auth" not in start
        self.is_cancelled = False
        self.asked = 0
        self.answered: set[object] = set()
        self.piece = int(start.get("piece", 0))

    def send(self, message: Json) -> None:
        self.raw(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def raw(self, data: bytes) -> None:
        """In pieces, if it is to be split."""
        size = self.piece or len(data)
        for start in range(0, len(data), max(size, 1)):
            sys.stdout.buffer.write(data[start : start + size])
            sys.stdout.buffer.flush()

    def update(self, sort: str, **fields: Any) -> None:
        self.send({"method": "session/update",
                   "params": {"sessionId": "s1", "update": {"sessionUpdate": sort, **fields}}})  # fmt: skip

    def say(self, text: str, **fields: Any) -> None:
        self.update("agent_message_chunk", content={"type": "text", "text": text}, **fields)

    def hear(self) -> Json:
        line = sys.stdin.buffer.readline()
        if not line:
            raise SystemExit(0)
        message: Json = json.loads(line)
        with open("HEARD.jsonl", "ab") as heard:
            heard.write(line)
        if message.get("method") == "session/cancel":
            self.is_cancelled = True
        return message

    def ask(self, method: str, params: Json, name: str = "") -> Json:
        """The client's whole answer. Ids are numbers and strings by turns."""
        self.asked += 1
        number: Any = self.asked if self.asked % 2 else f"r{self.asked}"
        self.send({"id": number, "method": method, "params": {"sessionId": "s1", **params}})
        while (message := self.hear()).get("id") != number or "method" in message:
            self.answered.add(message.get("id"))
        with open("ANSWERS.jsonl", "a") as answers:
            answers.write(json.dumps({"name": name or method, **message}) + "\n")
        return message

    def serve(self) -> None:
        while True:
            message = self.hear()
            if "id" in message and "method" in message:
                answer = self.greet(message) if message["method"] != "session/prompt" else self.play(message)
                self.send({"id": message["id"], **answer})
                self.afterwards()

    def greet(self, message: Json) -> Json:
        method = message["method"]
        if method == "initialize":
            time.sleep(self.start.get("seconds", 0))
            return {"result": {"protocolVersion": self.start.get("version", 1),
                               "agentInfo": {"name": "scripted", "version": "1"},
                               "authMethods": [{"id": "key", "name": "Key"}]}}  # fmt: skip
        if method == "authenticate":
            self.is_signed_in = self.start["auth"] == "once"
        if method == "session/new" and not self.is_signed_in:
            return {"error": {"code": -32000, "message": "Authentication required"}}
        return {"result": {"sessionId": "s1", **self.start.get("session", {})}}

    def play(self, message: Json) -> Json:
        Path("PROMPT").write_text(message["params"]["prompt"][0]["text"])
        self.is_cancelled = False
        self.later: list[Json] = []
        self.say(self.start.get("says", "At work.\n"))
        for number, step in enumerate(json.loads(Path("STEPS.json").read_text())):
            do: Callable[..., Json | None] = getattr(self, f"do_{step['do']}")
            answer = do(
                number=f"{os.getpid()}-{self.asked}-{number}", **{k: v for k, v in step.items() if k != "do"}
            )
            if answer is not None:
                return answer
        return {"result": {"stopReason": "end_turn"}}

    def afterwards(self) -> None:
        for step in getattr(self, "later", []):
            time.sleep(step.get("seconds", 0))
            self.update(step["sort"], **step["fields"])
        self.later = []

    def do_write(self, path: str, text: str, number: str, through: str = "") -> Json | None:
        call = {"toolCallId": number, "title": f"Write {path}", "kind": "edit", "locations": [{"path": path}]}
        self.update("tool_call", **call, status="pending", rawInput={"file_path": path, "content": text})
        answer = self.ask("session/request_permission", {
            "toolCall": {**call, "content": [{"type": "diff", "path": path, "oldText": "", "newText": text}]},
            "options": [
                {"optionId": "all", "kind": "allow_always", "name": "Always"},
                {"optionId": "accept-edits-mode", "kind": "allow_once", "name": "Yes, and switch the mode"},
                {"optionId": "yes", "kind": "allow_once", "name": "Yes"},
                {"optionId": "no", "kind": "reject_once", "name": "No"}]})  # fmt: skip
        if answer["result"]["outcome"] != {"outcome": "selected", "optionId": "yes"}:
            self.update("tool_call_update", toolCallId=number, status="failed")
            stop = "cancelled" if self.is_cancelled else "refusal"
            return {"result": {"stopReason": stop}}
        if through == "client":
            self.ask("fs/write_text_file", {"path": str(Path(path).absolute()), "content": text})
        else:
            Path(path).write_text(text)
        self.update("tool_call_update", toolCallId=number, status="completed")
        return None

    def do_fail(self, number: str, code: int = -32603, message: str = "it failed") -> Json:
        return {"error": {"code": code, "message": message}}

    def do_crash(self, number: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def do_exit(self, number: str, code: int) -> None:
        sys.stderr.write("these are my last words\n")
        sys.exit(code)

    def do_hang(self, number: str) -> None:
        subprocess.Popen(["sleep", "1000"])
        time.sleep(1000)

    def do_close(self, number: str) -> None:
        """Its output ends, and it lives on."""
        os.close(1)
        time.sleep(1000)

    def do_deaf(self, number: str) -> None:
        """No signal that can be ignored ends it, nor the daemon that it leaves."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
            Path("DAEMON").write_text(str(os.getpid()))
            time.sleep(1000)
        while not Path("DAEMON").exists():
            time.sleep(0.01)

    def do_say(self, text: str, number: str, times: int = 1, **fields: Any) -> None:
        for _ in range(times):
            self.say(text, **fields)

    def do_update(self, sort: str, number: str, **fields: Any) -> None:
        self.update(sort, **fields)

    def do_raw(self, text: str, number: str, times: int = 1) -> None:
        for _ in range(times):
            self.raw(text.encode("latin-1"))

    def do_send(self, message: Json, number: str) -> None:
        self.send(message)

    def do_ask(self, method: str, params: Json, number: str) -> None:
        self.ask(method, params)

    def do_late(self, sort: str, number: str, seconds: float = 0.0, **fields: Any) -> None:
        self.later.append({"sort": sort, "seconds": seconds, "fields": fields})

    def do_stop(self, reason: str, number: str, **more: Any) -> Json:
        return {"result": {"stopReason": reason, **more}}

    def do_until_cancelled(self, number: str) -> Json:
        while not self.is_cancelled:
            self.hear()
        return {"result": {"stopReason": "cancelled", "usage": {"inputTokens": 7, "outputTokens": 3}}}

    def do_until_answered(self, request: str, number: str) -> None:
        while request not in self.answered:
            self.answered.add(self.hear().get("id"))

    def do_sleep(self, seconds: float, number: str) -> None:
        time.sleep(seconds)

    def do_terminal(self, create: Json, number: str) -> None:
        """A command through the client, to its end."""
        answer = self.ask("terminal/create", create)
        if "result" not in answer:
            return
        terminal = {"terminalId": answer["result"]["terminalId"]}
        for method in ("wait_for_exit", "output", "release", "output"):
            self.ask(f"terminal/{method}", terminal, method)


def main() -> None:
    start = json.loads(Path("START.json").read_text()) if Path("START.json").exists() else {}
    for line in start.get("junk", ["a line that is no JSON"]):
        print(line, flush=True)
    if "exit" in start:
        sys.stderr.write("unknown option --acp\n")
        sys.exit(start["exit"])
    Agent(start).serve()


main()
