"""The scripted model itself: it says what it is told in every vendor's words, and stumbles loudly."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.agents.scripted.script import Cuts, Figures, Refuses, Script, Write
from tests.agents.scripted.server import ScriptedServer, served

SCHEMA = {"type": "object", "properties": {"path": {}, "content": {}, "why": {}}, "required": ["path", "why"]}
SAYS = [{"role": "user", "content": "Do it."}]
CHAT = {"model": "m", "messages": SAYS, "tools": [{"function": {"name": "write", "parameters": SCHEMA}}]}
RESPONSES = {
    "model": "m",
    "input": "Do it.",
    "tools": [{"type": "function", "name": "write", "parameters": SCHEMA}],
}
MESSAGES = {"model": "m", "messages": SAYS, "tools": [{"name": "Write", "input_schema": SCHEMA}]}
GEMINI = {
    "contents": [{"role": "user", "parts": [{"text": "Do it."}]}],
    "tools": [{"functionDeclarations": [{"name": "write_file", "parametersJsonSchema": SCHEMA}]}],
}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", CHAT),
    "responses": ("/v1/responses", RESPONSES),
    "messages": ("/v1/messages", MESSAGES),
    "gemini": ("/v1beta/models/m:generateContent", GEMINI),
    "chat streamed": ("/v1/chat/completions", CHAT | {"stream": True}),
    "responses streamed": ("/v1/responses", RESPONSES | {"stream": True}),
    "messages streamed": ("/v1/messages", MESSAGES | {"stream": True}),
    "gemini streamed": ("/v1beta/models/m:streamGenerateContent", GEMINI),
}


@pytest.fixture
def script() -> Script:
    return Script(Path("/tree"), (Write("a.txt", "text of the file"),), figures_from=41_000)


@pytest.fixture
def server(script: Script) -> Iterator[ScriptedServer]:
    with served(script) as server:
        yield server


def post(server: ScriptedServer, path: str, body: object) -> httpx2.Response:
    return httpx2.post(f"{server.url}{path}", json=body, timeout=30, trust_env=False)


@pytest.mark.parametrize("call", CALLS)
def test_it_calls_the_offered_tool_and_reports_its_figures(server: ScriptedServer, call: str) -> None:
    answer = post(server, *CALLS[call])
    assert answer.status_code == 200
    plain = answer.text.replace("\\", "")
    for said in ('"/tree/a.txt"', "text of the file", "The why of this change", "41000"):
        assert said in plain
    assert server.problems == []


def test_it_knows_from_the_conversation_where_it_stands(server: ScriptedServer) -> None:
    called = {"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]}
    answer = post(server, "/v1/chat/completions", CHAT | {"messages": [*SAYS, called]}).json()
    assert answer["choices"][0]["message"]["content"].startswith("Done:")


def test_a_side_call_gets_an_answer_of_its_form_and_no_step(server: ScriptedServer) -> None:
    form = {
        "type": "object",
        "properties": {"size": {"enum": ["small", "large"]}, "score": {"type": "integer"}},
    }
    body = {"contents": GEMINI["contents"], "generationConfig": {"responseJsonSchema": form}}
    answer = post(server, "/v1beta/models/m:generateContent", body).json()
    assert json.loads(answer["candidates"][0]["content"]["parts"][0]["text"]) == {"size": "small", "score": 1}
    assert (server.model.asked, server.model.reported) == ([], Figures())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/thoughts", {}),
        ("/v1/chat/completions", {"model": "m"}),
        ("/v1/chat/completions", CHAT | {"tools": [{"function": {"name": "juggle"}}]}),
    ],
    ids=["unknown call", "unknown body", "no tool for the step"],
)
def test_what_it_does_not_understand_is_a_problem(server: ScriptedServer, path: str, body: object) -> None:
    assert post(server, path, body).status_code == 400
    assert len(server.problems) == 1


def test_it_refuses_in_the_vendors_words_and_says_when_to_come_back() -> None:
    fault = Refuses(429, "You have hit your usage limit. It resets at 3pm.", {"Retry-After": "60"})
    with served(Script(Path("/tree"), (), faults={0: fault})) as server:
        answer = post(server, "/v1/messages", MESSAGES)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert answer.json()["error"] == {"type": "rate_limit_error", "message": fault.message}


def test_a_cut_stream_is_cut() -> None:
    with (
        served(Script(Path("/tree"), (), faults={0: Cuts()})) as server,
        pytest.raises(httpx2.RemoteProtocolError),
    ):
        post(server, "/v1/responses", RESPONSES | {"stream": True})
