"""OpenAI's Responses."""

import json
from collections.abc import Iterator
from typing import Any

from tests.agents.scripted.script import Figures, Refuses
from tests.agents.scripted.talk import Answer, Ask, Json, Tool, texts

_CALLS = ("function_call", "custom_tool_call", "local_shell_call")


def read(body: Json, _: str) -> Ask:
    given = body["input"]
    form = (body.get("text") or {}).get("format") or {}
    return Ask(
        model=body["model"],
        tools=[*_tools(body.get("tools") or ()), *_added(given)],
        calls=sum(item.get("type") in _CALLS for item in given) if isinstance(given, list) else 0,
        text=f"{body.get('instructions') or ''}\n{texts(given)}",
        is_streamed=bool(body.get("stream")),
        schema=form.get("schema"),
    )


def whole(answer: Answer, ask: Ask) -> Json:
    return _response(answer, ask, "completed")


def stream(answer: Answer, ask: Ask) -> Iterator[str]:
    for number, (kind, event) in enumerate(_events(answer, ask)):
        data = {"type": kind, "sequence_number": number, **event}
        yield f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def refusal(fault: Refuses) -> Json:
    kinds = {401: "invalid_request_error", 429: "rate_limit_exceeded"}
    return {
        "error": {"message": fault.message, "type": kinds.get(fault.status, "server_error"), "code": None}
    }


def _tools(offered: Any) -> Iterator[Tool]:
    """Those that the vendor runs itself (search, pictures) are not for us."""
    for one in offered:
        if one["type"] == "function":
            yield Tool(one["name"], one["parameters"])
        elif one["type"] == "custom":
            yield Tool(one["name"], {}, is_free=True)
        elif one["type"] == "namespace":
            yield from _tools(one.get("tools") or ())


def _added(given: Any) -> Iterator[Tool]:
    """Codex offers its tools in the conversation to the models that take them there."""
    for item in given if isinstance(given, list) else ():
        if item.get("type") == "additional_tools":
            yield from _tools(item["tools"])


def _events(answer: Answer, ask: Ask) -> Iterator[tuple[str, Json]]:
    begun = _response(answer, ask, "in_progress") | {"output": [], "usage": None}
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(_output(answer)):
        at = {"output_index": index, "item_id": item["id"]}
        yield from _item_events(item, at)
    yield "response.completed", {"response": _response(answer, ask, "completed")}


def _item_events(item: Json, at: dict[str, Any]) -> Iterator[tuple[str, Json]]:
    place = {"output_index": at["output_index"]}
    if item["type"] == "message":
        part = item["content"][0]
        yield (
            "response.output_item.added",
            {**place, "item": {**item, "status": "in_progress", "content": []}},
        )
        yield "response.content_part.added", {**at, "content_index": 0, "part": {**part, "text": ""}}
        for line in part["text"].splitlines(keepends=True):
            yield "response.output_text.delta", {**at, "content_index": 0, "delta": line, "logprobs": []}
        yield (
            "response.output_text.done",
            {**at, "content_index": 0, "text": part["text"], "logprobs": []},
        )
        yield "response.content_part.done", {**at, "content_index": 0, "part": part}
    else:
        field, event = (
            ("arguments", "response.function_call_arguments")
            if item["type"] == "function_call"
            else ("input", "response.custom_tool_call_input")
        )
        yield "response.output_item.added", {**place, "item": {**item, "status": "in_progress", field: ""}}
        yield f"{event}.delta", {**at, "delta": item[field]}
        yield f"{event}.done", {**at, field: item[field]}
    yield "response.output_item.done", {**place, "item": item}


def _response(answer: Answer, ask: Ask, status: str) -> dict[str, Any]:
    return {
        "id": f"resp_{answer.id}", "object": "response", "created_at": 1_790_000_000, "status": status,
        "model": ask.model, "output": _output(answer), "usage": _usage(answer.figures), "error": None,
        "incomplete_details": None, "parallel_tool_calls": False, "tool_choice": "auto", "tools": [],
    }  # fmt: skip


def _output(answer: Answer) -> list[Json]:
    said = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
    items: list[Json] = [
        {
            "type": "message",
            "id": f"msg_{answer.id}",
            "status": "completed",
            "role": "assistant",
            "content": [said],
        }
    ]
    if call := answer.call:
        about = {"id": f"fc_{answer.id}", "call_id": call.id, "name": call.tool.name, "status": "completed"}
        items.append(
            {"type": "custom_tool_call", **about, "input": call.arguments}
            if call.tool.is_free
            else {"type": "function_call", **about, "arguments": json.dumps(call.arguments)}
        )
    return items


def _usage(figures: Figures) -> Json:
    """The input's count includes what the cache had."""
    given = figures.fresh + figures.cached
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": figures.cached},
        "output_tokens": figures.output,
        "output_tokens_details": {"reasoning_tokens": figures.thought},
        "total_tokens": given + figures.output,
    }
