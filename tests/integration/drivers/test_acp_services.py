"""Files and terminals that the ACP driver serves: within the worktree, by leave, and nothing else."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from kyros.drivers.model import ActionKind, ResultKind
from kyros.fleet.adapters.containment import Containment
from tests.contract.drivers.rigs import ACP_AGENT, Ears, launch
from tests.integration.drivers.acp import answers, turn
from tests.sandboxes import needs_bubblewrap


def ask(method: str, **params: Any) -> dict[str, Any]:
    return {"do": "ask", "method": method, "params": params}


def write(path: object, text: str = "new\n") -> dict[str, Any]:
    return ask("fs/write_text_file", path=str(path), content=text)


async def asked(
    work: Path, *steps: dict[str, Any], ears: Ears | None = None, **spec: Any
) -> list[dict[str, Any]]:
    outcome = await turn(work, *steps, ears=ears, **spec)
    assert outcome.result is ResultKind.OK, outcome
    return answers(work)


async def test_a_file_is_read_whole_or_by_lines(work: Path) -> None:
    (work / "a.txt").write_text("1\r\n2\n3\u2028x\n4")
    parts = ({}, {"line": 2, "limit": 2}, {"line": 4}, {"limit": 1}, {"line": 9}, {"line": 0, "limit": 0})
    read = [ask("fs/read_text_file", path=str(work / "a.txt"), **part) for part in parts]
    texts = [answer["result"]["content"] for answer in await asked(work, *read)]
    assert texts == ["1\r\n2\n3\u2028x\n4", "2\n3\u2028x\n", "4", "1\r\n", "", ""]


async def test_a_missing_file_is_refused_in_the_words_that_agents_know(work: Path) -> None:
    (answer,) = await asked(work, ask("fs/read_text_file", path=str(work / "none")))
    assert answer["error"]["code"] == -32002


async def test_a_write_by_leave_is_whole_and_keeps_the_mode(work: Path) -> None:
    (work / "run.sh").write_text("old\n")
    (work / "run.sh").chmod(0o755)
    ears = Ears()
    steps = [write(work / "run.sh"), write(work / "deep/er/new.txt"), write("relative.txt", "\ud800")]
    assert [answer["result"] for answer in await asked(work, *steps, ears=ears)] == [{}, {}, {}]
    assert (work / "run.sh").read_text() == "new\n"
    assert (work / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (work / "deep/er/new.txt").exists()
    assert [request.kind for request in ears.requests] == [ActionKind.WRITE] * 3
    assert [file.name for file in work.iterdir() if file.name.endswith(".tmp")] == []


async def test_what_was_granted_to_the_call_is_not_asked_again(work: Path) -> None:
    ears = Ears()
    step = {"do": "write", "path": "hello.txt", "text": "hello\n", "through": "client"}
    await asked(work, step, write(work / "hello.txt"), ears=ears)
    assert [request.tool for request in ears.requests] == ["edit", "fs/write_text_file"]


def asks_leave(**call: Any) -> dict[str, Any]:
    options = [{"optionId": "yes", "kind": "allow_once", "name": "Yes"}]
    return ask("session/request_permission", toolCall={"toolCallId": "c1", **call}, options=options)


async def test_leave_for_one_thing_is_no_leave_for_what_the_call_names_afterwards(work: Path) -> None:
    """Nor for what it was called, nor for another thing done to the same file."""
    ears = Ears()
    line, later = "echo x > y; cat y", "echo later"
    await asked(
        work,
        asks_leave(kind="read", title=line, locations=[{"path": "a.py"}]),
        write(work / "a.py"),
        {"do": "update", "sort": "tool_call_update", "toolCallId": "c1", "kind": "edit",
         "locations": [{"path": ".env"}], "rawInput": {"command": later}},
        write(work / ".env"),
        ask("terminal/create", command=line),
        ask("terminal/create", command=later),
        ears=ears, terminals=True,
    )  # fmt: skip
    write_, command = ActionKind.WRITE, ActionKind.COMMAND
    assert [(request.kind, request.subject) for request in ears.requests] == [
        (ActionKind.READ, "a.py"), (write_, str(work / "a.py")), (write_, str(work / ".env")),
        (command, line), (command, later),
    ]  # fmt: skip


async def test_leave_for_a_link_is_leave_for_the_file_that_was_meant(work: Path) -> None:
    (work / "link").symlink_to("a.py")
    ears = Ears()
    swap = {"do": "terminal", "create": {"command": "ln", "args": ["-sf", ".env", "link"]}}
    asking = asks_leave(kind="edit", locations=[{"path": "link"}])
    steps = [asking, write("a.py"), swap, write(".env")]
    await asked(work, *steps, ears=ears, terminals=True)
    assert [request.subject for request in ears.requests] == ["link", "ln -sf .env link", ".env"]


async def test_a_command_is_granted_to_the_call_that_named_it(work: Path) -> None:
    ears = Ears()
    asking = asks_leave(kind="execute", rawInput={"command": ["printf", "a b"]})
    create = ask("terminal/create", command="printf", args=["a b"])
    over = {"do": "update", "sort": "tool_call_update", "toolCallId": "c1", "status": "completed"}
    await asked(work, asking, create, over, create, ears=ears, terminals=True)
    assert [request.tool for request in ears.requests] == ["execute", "terminal/create"]


async def test_a_read_is_judged_like_any_other(work: Path) -> None:
    (work / "secret.txt").write_text("secret\n")
    ears = Ears(allow=False)
    (answer,) = await asked(work, ask("fs/read_text_file", path="secret.txt"), ears=ears)
    assert "denied" in answer["error"]["message"]
    assert [(r.kind, r.subject, r.tool) for r in ears.requests] == [
        (ActionKind.READ, "secret.txt", "fs/read_text_file")
    ]


async def test_who_is_refused_hears_why(work: Path) -> None:
    ears = Ears(allow=False, note="Use make.")
    answered = await asked(work, write("a"), ask("terminal/create", command="x"), ears=ears, terminals=True)
    assert all("Use make." in answer["error"]["message"] for answer in answered)


async def test_a_read_that_its_call_was_granted_is_not_asked_again(work: Path) -> None:
    (work / "a.txt").write_text("a\n")
    ears = Ears()
    asking = asks_leave(kind="read", locations=[{"path": str(work / "a.txt")}])
    answered = await asked(work, asking, ask("fs/read_text_file", path="a.txt"), ears=ears)
    assert answered[1]["result"] == {"content": "a\n"}
    assert len(ears.requests) == 1


async def test_a_write_without_leave_is_not_done(work: Path) -> None:
    (answer,) = await asked(work, write(work / "a.txt"), ears=Ears(allow=False))
    assert "denied" in answer["error"]["message"]
    assert not (work / "a.txt").exists()


@pytest.mark.parametrize(
    "kind", ["outside", "dots", "link", "linked_folder", "git", "git_file", "folder", "root", "nul", "pipe"]
)
async def test_nothing_outside_the_worktree_is_served(work: Path, kind: str) -> None:
    secret = work.parent / "secret.txt"
    secret.write_text("secret\n")
    (work / ".git").mkdir()
    (work / "folder").mkdir()
    (work / "link").symlink_to(secret)
    (work / "linked").symlink_to(work.parent)
    os.mkfifo(work / "pipe")
    path = {
        "outside": str(secret), "dots": str(work / "folder/../../secret.txt"), "link": str(work / "link"),
        "linked_folder": str(work / "linked/secret.txt"), "git": str(work / ".git/config"),
        "git_file": str(work / "folder/.GIT/hooks/x"), "folder": str(work / "folder"), "root": str(work),
        "nul": str(work / "a\0b"), "pipe": str(work / "pipe"),
    }[kind]  # fmt: skip
    ears = Ears()
    read, wrote = await asked(work, ask("fs/read_text_file", path=path), write(path), ears=ears)
    assert "error" in read
    assert "error" in wrote
    assert secret.read_text() == "secret\n"
    assert ears.requests == [] or kind in ("folder", "pipe")


async def test_what_is_too_large_or_no_text_is_refused(work: Path) -> None:
    (work / "binary").write_bytes(b"\xff\xfe\0")
    (work / "large").write_bytes(b"x" * 10_000_001)
    answered = await asked(
        work,
        *(ask("fs/read_text_file", path=str(work / name)) for name in ("binary", "large")),
        write(work / "huge", "x" * 10_000_001),
        ask("fs/write_text_file", path=str(work / "a")),
        ask("fs/read_text_file"),
    )
    assert all("error" in answer for answer in answered)


async def test_what_the_profile_does_not_offer_is_an_unknown_method(work: Path) -> None:
    steps = [write(work / "a.txt"), ask("terminal/create", command="true"), ask("elicitation/create")]
    answered = await asked(work, *steps, files=False)
    assert [answer["error"]["code"] for answer in answered] == [-32601] * 3


async def test_a_command_runs_in_the_worktree_with_its_environment_to_its_end(work: Path) -> None:
    ears = Ears()
    env = [{"name": "GREETING", "value": "hello"}, {"name": "KYROS_X", "value": "no"}, {"name": "A=B"}]
    create = {"command": "echo $GREETING$KYROS_X; pwd >&2; exit 3", "cwd": str(work), "env": env}
    answered = await asked(work, {"do": "terminal", "create": create}, ears=ears, terminals=True)
    assert answered[1]["result"] == {"exitCode": 3, "signal": None}
    assert answered[2]["result"] == {
        "output": f"hello\n{work}\n", "truncated": False, "exitStatus": {"exitCode": 3, "signal": None}
    }  # fmt: skip
    assert answered[3]["result"] == {}
    assert answered[4]["error"]["code"] == -32002
    line = f"GREETING=hello {create['command']}"
    assert [(r.kind, r.subject) for r in ears.requests] == [(ActionKind.COMMAND, line)]


async def test_what_sets_variables_is_judged_with_them(work: Path) -> None:
    ears = Ears(allow=False)
    env = [{"name": "PATH", "value": f"{work}/a b"}, {"name": "-i", "value": "x"}]
    with_args = ask("terminal/create", command="git", args=["fetch", "a b"], env=env)
    as_line = ask("terminal/create", command="git fetch | cat", env=env)
    await asked(work, with_args, as_line, ears=ears, terminals=True)
    path = f"PATH='{work}/a b'"
    assert [r.subject for r in ears.requests] == [f"{path} git fetch 'a b'", f"{path} git fetch | cat"]


async def test_variables_reach_the_command_and_no_program_of_the_prefix(work: Path) -> None:
    """Those run outside the sandbox: `LD_PRELOAD` there would be its end."""
    prefix = ("/bin/sh", "-c", 'env > "$0"; exec "$@"', str(work / "outside"))
    env = [{"name": "LD_PRELOAD", "value": f"{work}/evil.so"}, {"name": "GREETING", "value": "a b"}]
    create = {"command": "env", "args": [], "env": env}
    answered = await asked(work, {"do": "terminal", "create": create}, terminals=True, prefix=prefix)
    assert "GREETING=a b" in answered[2]["result"]["output"]
    assert "LD_PRELOAD" not in (work / "outside").read_text()
    assert "GREETING" not in (work / "outside").read_text()


@pytest.mark.parametrize("command", ["A=B", "-i"])
async def test_a_program_whose_name_would_be_read_otherwise_is_not_run(work: Path, command: str) -> None:
    create = {"command": command, "args": ["touch", "x"]}
    answered = await asked(work, {"do": "terminal", "create": create}, terminals=True, prefix=("env",))
    assert "error" in answered[0] or answered[1]["result"]["exitCode"] == 127
    assert not (work / "x").exists()


@needs_bubblewrap
async def test_a_command_in_the_sandbox_runs_in_its_folder(work: Path) -> None:
    (work / "sub").mkdir()
    agent = [sys.executable, str(ACP_AGENT)]
    prefix = Containment(mode="bubblewrap").prefix(work.parent / "own", work, agent, launch(work).env)
    create = {"command": "pwd; echo $GREETING", "cwd": str(work / "sub"),
              "env": [{"name": "GREETING", "value": "hello"}]}  # fmt: skip
    answered = await asked(work, {"do": "terminal", "create": create}, terminals=True, prefix=prefix)
    assert answered[2]["result"]["output"] == f"{work}/sub\nhello\n"


async def test_a_command_that_nobody_can_judge_is_refused_unasked(work: Path) -> None:
    ears = Ears()
    long = ask("terminal/create", command="touch x;" * 20_000)
    odd = ask("terminal/create", command="touch", args=["\ud800"])
    answered = await asked(work, long, odd, ears=ears, terminals=True)
    assert ["error" in answer for answer in answered] == [True, True]
    assert ears.requests == []


async def test_arguments_are_seen_by_no_shell(work: Path) -> None:
    create = {"command": "printf", "args": ["%s", "$(touch x); 'q'"]}
    answered = await asked(work, {"do": "terminal", "create": create}, terminals=True)
    assert answered[2]["result"]["output"] == "$(touch x); 'q'"


async def test_output_keeps_its_end_and_begins_with_a_whole_sign(work: Path) -> None:
    create = {"command": "for i in 1 2 3 4 5 6 7 8 9; do printf '漢字'; done", "outputByteLimit": 8}
    answered = await asked(work, {"do": "terminal", "create": create}, terminals=True)
    assert answered[2]["result"]["output"] == "漢字"
    assert answered[2]["result"]["truncated"] is True


async def test_a_command_without_leave_or_outside_the_worktree_is_not_run(work: Path) -> None:
    touch = ask("terminal/create", command="touch", args=["x"])
    (answer,) = await asked(work, touch, ears=Ears(allow=False), terminals=True)
    assert "denied" in answer["error"]["message"]
    outside = ask("terminal/create", command="touch", args=["x"], cwd=str(work.parent))
    missing = ask("terminal/create", command="no-such-program-anywhere", args=["x"])
    answered = (await asked(work, outside, missing, ask("terminal/create"), terminals=True))[1:]
    assert all("error" in answer for answer in answered)
    assert not (work / "x").exists()


async def test_commands_end_with_the_session(work: Path) -> None:
    create = ask("terminal/create", command="echo $$ > pid; trap '' TERM; while true; do sleep 0.1; done")
    await asked(work, create, {"do": "sleep", "seconds": 0.3}, terminals=True)
    assert not Path(f"/proc/{(work / 'pid').read_text().strip()}").exists()
