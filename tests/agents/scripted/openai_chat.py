"""OpenAI's Chat Completions."""

import json
from collections.abc import Iterator
from typing import Any

from tests.agents.scripted.script import Figures, Refuses
from tests.agents.scripted.talk import Answer, Ask, Json, Tool, texts


def read(body: Json, _: str) -> Ask:
    offered = [one["function"] for one in body.get("tools") or ()]
    form = body.get("response_format") or {}
    return Ask(
        model=body["model"],
        tools=[Tool(one["name"], one.get("parameters") or {}) for one in offered],
        calls=sum(len(message.get("tool_calls") or ()) for message in body["messages"]),
        text=texts(body["messages"]),
        is_streamed=bool(body.get("stream")),
        schema=(form.get("json_schema") or {}).get("schema"),
    )


def whole(answer: Answer, ask: Ask) -> Json:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if answer.call:
        message["tool_calls"] = [_call(answer)]
    choice = {"index": 0, "message": message, "finish_reason": _reason(answer), "logprobs": None}
    return _head(answer, ask, "chat.completion") | {"choices": [choice], "usage": _usage(answer.figures)}


def stream(answer: Answer, ask: Ask) -> Iterator[str]:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in answer.text.splitlines(keepends=True)]
    if answer.call:
        deltas.append({"tool_calls": [{"index": 0, **_call(answer)}]})
    for delta in deltas:
        yield _chunk(answer, ask, [{"index": 0, "delta": delta, "finish_reason": None}])
    yield _chunk(answer, ask, [{"index": 0, "delta": {}, "finish_reason": _reason(answer)}])
    yield _chunk(answer, ask, [], usage=_usage(answer.figures))
    yield "data: [DONE]\n\n"


def refusal(fault: Refuses) -> Json:
    kinds = {401: "invalid_request_error", 429: "rate_limit_exceeded"}
    return {
        "error": {"message": fault.message, "type": kinds.get(fault.status, "server_error"), "code": None}
    }


def _call(answer: Answer) -> Json:
    assert answer.call is not None
    arguments = json.dumps(answer.call.arguments)
    return {
        "id": answer.call.id,
        "type": "function",
        "function": {"name": answer.call.tool.name, "arguments": arguments},
    }


def _reason(answer: Answer) -> str:
    return "tool_calls" if answer.call else "stop"


def _head(answer: Answer, ask: Ask, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{answer.id}", "object": kind, "created": 1_790_000_000, "model": ask.model}


def _chunk(answer: Answer, ask: Ask, choices: list[Json], **more: Json) -> str:
    chunk = _head(answer, ask, "chat.completion.chunk") | {"choices": choices} | more
    return f"data: {json.dumps(chunk)}\n\n"


def _usage(figures: Figures) -> Json:
    """The prompt's count includes what the cache had."""
    prompt = figures.fresh + figures.cached
    return {
        "prompt_tokens": prompt,
        "completion_tokens": figures.output,
        "total_tokens": prompt + figures.output,
        "prompt_tokens_details": {"cached_tokens": figures.cached},
        "completion_tokens_details": {"reasoning_tokens": figures.thought},
    }
