"""A program that speaks claude's stream-json both ways and does what STEPS.json says. Run by the tests."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def say(**event: object) -> None:
    print(json.dumps(event), flush=True)


def hear() -> dict:
    line = sys.stdin.readline()
    if not line:
        raise SystemExit(1)
    return json.loads(line)


def approved(number: int, tool: str, tool_input: dict) -> bool:
    say(type="control_request", request_id=f"r{number}",
        request={"subtype": "can_use_tool", "tool_name": tool, "input": tool_input})  # fmt: skip
    answer = hear()
    assert answer["type"] == "control_response", answer
    assert answer["response"]["request_id"] == f"r{number}", answer
    return answer["response"]["response"]["behavior"] == "allow"


def end(**result: object) -> None:
    say(type="result", usage={"input_tokens": 3, "output_tokens": 5}, **result)
    hear()  # like the real one, it stays until its stdin is closed


def main() -> None:
    print("a line that is no JSON", flush=True)
    opening = hear()
    Path("PROMPT").write_text(opening["message"]["content"][0]["text"])
    say(type="system", subtype="init", model="scripted")
    for number, step in enumerate(json.loads(Path("STEPS.json").read_text())):
        if step["do"] == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if step["do"] == "hang":
            subprocess.Popen(["sleep", "1000"])
            time.sleep(1000)
        if step["do"] == "fail":
            return end(subtype="error_during_execution", is_error=True, result="it failed")
        say(type="assistant", message={"content": [{"type": "tool_use", "name": "Write",
            "input": {"file_path": step["path"]}}]})  # fmt: skip
        if not approved(number, "Write", {"file_path": step["path"], "content": step["text"]}):
            return end(subtype="success", is_error=True, result="denied")
        Path(step["path"]).write_text(step["text"])
    return end(subtype="success", is_error=False, result="Done.")


main()
