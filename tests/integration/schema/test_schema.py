"""Every route against the OpenAPI document: whatever is sent, no defect, and answers only as it says."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.failures import FailureGroup

from tests.integration.hostile.conftest import furnish
from tests.integration.hostile.served import Served


def no_defect(_: Any, answer: Any, case: Any) -> None:
    """A 502, 503 or 507 is an answer; a 500 never is."""
    if answer.status_code == 500:
        raise AssertionError(f"a defect: {answer.text[:200]}")


CHECKS = [
    no_defect,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
STREAMS = {"/api/collab/events/tail", "/api/runs/{run_id}/log"}
"""They never end by themselves; suites of their own read them."""
EXAMPLES = 8
ANSWER_SECONDS = 60


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("schema"), furnish)
    yield served
    served.close()


def faults_of(
    operation: Any, mode: GenerationMode, served: Served, session: requests.Session, known: Any = None
) -> list[str]:
    """What is wrong with the answers to requests that fit the document, or that do not; with `known`, about
    what is there."""
    headers = {"Authorization": f"Bearer {served.token}"}
    found: list[str] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=known))
    def ask(case: Any) -> None:
        answer = case.call(base_url=served.url, session=session, headers=headers, timeout=ANSWER_SECONDS)
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            said = "; ".join(str(fault).replace("\n", " ")[:300] for fault in group.exceptions)
            found.append(f"{operation.label}: {answer.status_code} {said}")

    with suppress(Unsatisfiable):  # a route without anything to get wrong
        ask()
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["fitting", "known", "unfitting"])
def test_no_request_finds_a_defect_or_an_answer_outside_the_document(served: Served, kind: str) -> None:
    """Requests that fit the document; those about what is there; those that do not fit."""
    there = {"task_id": "T-1", "name": "bob", "lock_id": served.furnished.lock_id, "kind": "tasks"}
    schema = schemathesis.openapi.from_dict(served.document)
    mode = GenerationMode.NEGATIVE if kind == "unfitting" else GenerationMode.POSITIVE
    operations = [result.ok() for result in schema.get_all_operations()]
    operations.sort(key=lambda operation: operation.method == "delete")
    faults: list[str] = []
    with requests.Session() as session:
        session.trust_env = False
        for operation in operations:
            names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
            known = {name: there[name] for name in names if name in there}
            if operation.path in STREAMS or (kind == "known" and not known):
                continue
            faults += faults_of(operation, mode, served, session, known if kind == "known" else None)
    assert not faults, "\n".join(sorted(set(faults)))
