"""Gemini's generateContent and streamGenerateContent."""

import json
from collections.abc import Iterator
from typing import Any

from tests.agents.scripted.script import Figures, Refuses
from tests.agents.scripted.talk import Answer, Ask, Json, Tool, texts


def read(body: Json, path: str) -> Ask:
    """The model and the method stand in the path: models/MODEL:METHOD."""
    model, _, method = path.rpartition("/")[2].partition(":")
    declared = [one for group in body.get("tools") or () for one in group.get("functionDeclarations") or ()]
    parts = [part for content in body["contents"] for part in content.get("parts") or ()]
    config = body.get("generationConfig") or {}
    return Ask(
        model=model,
        tools=[
            Tool(one["name"], one.get("parametersJsonSchema") or one.get("parameters") or {})
            for one in declared
        ],
        calls=sum("functionCall" in part for part in parts),
        text=f"{texts(body.get('systemInstruction'))}\n{texts(body['contents'])}",
        is_streamed=method == "streamGenerateContent",
        schema=config.get("responseJsonSchema") or config.get("responseSchema"),
    )


def whole(answer: Answer, ask: Ask) -> Json:
    parts = [{"text": answer.text}, *_call_parts(answer)]
    return _piece(ask, answer, parts, finishReason="STOP") | {"usageMetadata": _usage(answer.figures)}


def stream(answer: Answer, ask: Ask) -> Iterator[str]:
    pieces = [_piece(ask, answer, [{"text": line}]) for line in answer.text.splitlines(keepends=True)]
    last = _piece(ask, answer, _call_parts(answer) or [{"text": ""}], finishReason="STOP")
    for piece in [*pieces, last | {"usageMetadata": _usage(answer.figures)}]:
        yield f"data: {json.dumps(piece)}\r\n\r\n"


def refusal(fault: Refuses) -> Json:
    kinds = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED"}
    status = kinds.get(fault.status, "INTERNAL")
    return {"error": {"code": fault.status, "message": fault.message, "status": status}}


def _piece(ask: Ask, answer: Answer, parts: list[Any], **more: str) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **more}
    return {"candidates": [candidate], "modelVersion": ask.model, "responseId": answer.id}


def _call_parts(answer: Answer) -> list[Any]:
    call = answer.call
    return [{"functionCall": {"id": call.id, "name": call.tool.name, "args": call.arguments}}] if call else []


def _usage(figures: Figures) -> Json:
    """The prompt's count includes what the cache had."""
    prompt = figures.fresh + figures.cached
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": figures.output - figures.thought,
        "thoughtsTokenCount": figures.thought,
        "cachedContentTokenCount": figures.cached,
        "totalTokenCount": prompt + figures.output,
    }
