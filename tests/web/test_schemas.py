"""The API under requests made from its own OpenAPI document, good ones and bad ones."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from helpers.live import Live

EXAMPLES = 12  # per address
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


OPERATIONS = (
    "POST /api/predict",
    "POST /api/jobs",
    "GET /api/jobs/{job_id}",
    "GET /api/jobs/{job_id}/events",
    "GET /api/jobs/{job_id}/result",
    "DELETE /api/jobs/{job_id}",
    "GET /api/models",
    "GET /api/examples",
    "GET /api/examples/{name}",
    "GET /api/health",
    "GET /api/ready",
    "GET /metrics",
)


@pytest.fixture(scope="module")
def described(live: Live) -> Any:
    return schemathesis.openapi.from_url(f"{live.address}/api/openapi.json")


def test_every_address_is_tested(described: Any) -> None:
    found = {result.ok().label for result in described.get_all_operations()}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize("label", OPERATIONS)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_a_documented_one(described: Any, label: str, mode: Any) -> None:
    operations = {result.ok().label: result.ok() for result in described.get_all_operations()}
    operation = operations[label]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def answer(case: Any) -> None:
        response = case.call(timeout=60)
        case.validate_response(response, checks=CHECKS)
        if response.status_code >= 400:
            assert set(response.json()) == {"code", "message"}

    try:
        answer()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing about this address can be wrong
