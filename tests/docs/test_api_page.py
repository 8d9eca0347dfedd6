"""docs/reference/api.md has every route with its query, every shape with its fields, and no other."""

import re
from typing import Any

import pytest

from kyros.entrypoints.openapi import document
from tests.docs.markdown import REFERENCE, rows, sections, words

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    return document()


def section(title: str) -> list[list[str]]:
    return rows(sections(REFERENCE / "api.md")[title])


def routes_of(openapi: dict[str, Any]) -> set[tuple[str, str, frozenset[str]]]:
    """(method, path, names in the query)."""
    return {
        (method.upper(), path, frozenset(p["name"] for p in call.get("parameters", []) if p["in"] == "query"))
        for path, calls in openapi["paths"].items()
        for method, call in calls.items()
        if method in METHODS
    }


def routes_listed() -> list[tuple[str, str, frozenset[str]]]:
    found = []
    for title in sections(REFERENCE / "api.md"):
        for first, *_ in section(title):
            if match := re.match(r"`([A-Z]+) (/[^?`]*)(?:\?([^`]*))?`", first):
                names = re.findall(r"(\w+)=", match[3] or "")
                found.append((match[1], match[2], frozenset(names)))
    return found


def fields_listed(title: str) -> dict[str, set[str]]:
    return {words(first)[0]: set(words(fields)) for first, fields in section(title)}


def test_every_route_is_listed_once_with_its_query_and_no_other_is(openapi: dict[str, Any]) -> None:
    listed = routes_listed()
    assert len(listed) == len(set(listed))
    assert set(listed) == routes_of(openapi)


@pytest.mark.parametrize(("title", "kind"), [("Bodies", "Request"), ("Answers", "")])
def test_every_shape_is_listed_with_its_fields(openapi: dict[str, Any], title: str, kind: str) -> None:
    """Pages are one shape to a reader, whatever they hold."""
    schemas = {
        name.rpartition("__")[2]: set(schema["properties"])
        for name, schema in openapi["components"]["schemas"].items()
        if "properties" in schema and not name.startswith("Page_") and name.endswith("Request") == bool(kind)
    }
    assert fields_listed(title) == schemas
