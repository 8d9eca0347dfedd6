"""Anthropic's Messages."""

import json
from collections.abc import Iterator
from typing import Any

from tests.agents.scripted.script import Figures, Refuses
from tests.agents.scripted.talk import Answer, Ask, Json, Tool, texts


def read(body: Json, _: str) -> Ask:
    parts = [part for message in body["messages"] for part in _parts(message["content"])]
    form = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    return Ask(
        model=body["model"],
        tools=[
            Tool(one["name"], one["input_schema"]) for one in body.get("tools") or () if "input_schema" in one
        ],
        calls=sum(part.get("type") == "tool_use" for part in parts),
        text=f"{texts(body.get('system'))}\n{texts(body['messages'])}",
        is_streamed=bool(body.get("stream")),
        schema=form.get("schema"),
    )


def whole(answer: Answer, ask: Ask) -> Json:
    return _message(answer, ask) | {
        "content": _blocks(answer),
        "stop_reason": _reason(answer),
        "usage": _usage(answer.figures),
    }


def stream(answer: Answer, ask: Ask) -> Iterator[str]:
    for kind, event in _events(answer, ask):
        yield f"event: {kind}\ndata: {json.dumps({'type': kind, **event})}\n\n"


def refusal(fault: Refuses) -> Json:
    kinds = {401: "authentication_error", 429: "rate_limit_error"}
    return {
        "type": "error",
        "error": {"type": kinds.get(fault.status, "api_error"), "message": fault.message},
    }


def _events(answer: Answer, ask: Ask) -> Iterator[tuple[str, Json]]:
    usage = _usage(answer.figures)
    yield "message_start", {"message": _message(answer, ask) | {"usage": {**usage, "output_tokens": 1}}}
    for index, block in enumerate(_blocks(answer)):
        is_text = block["type"] == "text"
        delta = (
            {"type": "text_delta", "text": block["text"]}
            if is_text
            else {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        )
        begun = {**block, "text": ""} if is_text else {**block, "input": {}}
        yield "content_block_start", {"index": index, "content_block": begun}
        yield "content_block_delta", {"index": index, "delta": delta}
        yield "content_block_stop", {"index": index}
    ending = {"stop_reason": _reason(answer), "stop_sequence": None}
    yield "message_delta", {"delta": ending, "usage": usage}
    yield "message_stop", {}


def _message(answer: Answer, ask: Ask) -> dict[str, Any]:
    return {
        "id": f"msg_{answer.id}", "type": "message", "role": "assistant", "model": ask.model,
        "content": [], "stop_reason": None, "stop_sequence": None,
    }  # fmt: skip


def _blocks(answer: Answer) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [{"type": "text", "text": answer.text}]
    if call := answer.call:
        blocks.append({"type": "tool_use", "id": call.id, "name": call.tool.name, "input": call.arguments})
    return blocks


def _parts(content: object) -> list[Json]:
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _reason(answer: Answer) -> str:
    return "tool_use" if answer.call else "end_turn"


def _usage(figures: Figures) -> dict[str, Any]:
    """The input's count excludes what the cache had."""
    return {
        "input_tokens": figures.fresh,
        "cache_read_input_tokens": figures.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": figures.output,
    }
