"""Conditional requests: the headers that name versions, and answers that carry one."""

from collections.abc import Mapping
from typing import Annotated

import orjson
from fastapi import Header
from starlette.responses import Response

from kyros.kernel.answers import Answer
from kyros.kernel.etag import matches_weakly

IfMatch = Annotated[
    str | None, Header(max_length=2_000, description="The etag of what you change; without it 428.")
]
IfNoneMatch = Annotated[
    str | None, Header(max_length=2_000, description="The etag you have: 304 while it is still the one.")
]
FencingToken = Annotated[
    int | None,
    Header(alias="Kyros-Fencing-Token", ge=1, le=2**63 - 1, description="Of the lease you write under."),
]

MERGE_PATCH = "application/merge-patch+json"


def merge_patch_of(schema: str) -> dict[str, object]:
    """For `openapi_extra` of a PATCH route: its body may come as a merge patch by name, too."""
    described = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    return {"requestBody": {"content": {MERGE_PATCH: described}}}


def tagged(
    content: Mapping[str, object], etag: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    """An answer with its ETag."""
    return Answer(status, orjson.dumps(content).decode(), {"ETag": etag, **(headers or {})})


def not_modified(etag: str, if_none_match: str | None) -> Response | None:
    """A 304 when the caller has this version already."""
    if if_none_match is None or not matches_weakly(if_none_match, etag):
        return None
    return Response(status_code=304, headers={"ETag": etag})
