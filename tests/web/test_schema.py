"""Whatever fits the OpenAPI schema, and much that does not, is answered without a fault of ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error

from cellquery.annotation import Desk
from cellquery.storage import Accounts
from cellquery.web import create_app
from cellquery.web.app import openapi
from cellquery.web.security import session_cookie

from .conftest import PAGE


@pytest.mark.parametrize(
    ("path", "method"),
    [(path, method) for path, methods in openapi()["paths"].items() for method in methods],
)
def test_no_request_makes_the_server_fail(desk: Desk, path: str, method: str) -> None:
    schema = schemathesis.openapi.from_dict(openapi())
    schema.app = app = create_app(desk, hosts=["*"])
    operation = schema[path][method.upper()]

    def headers() -> dict[str, str]:
        token = Accounts(desk.database).issue("admin", "session")
        return {**PAGE, "cookie": f"{session_cookie(app.state.identity)}={token}"}

    signed_in = headers()

    strategy = operation.as_strategy()

    @settings(
        max_examples=8,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def run(case: schemathesis.Case) -> None:
        # A session ends with its sign-out.
        response = case.call(headers=headers() if path == "/api/sign-out" else signed_in)
        case.validate_response(response, checks=[not_a_server_error])

    run()


def test_the_schema_is_that_of_the_pages_client(repository: Path) -> None:
    kept = json.loads((repository / "frontend" / "openapi.json").read_text("utf-8"))
    assert kept == openapi(), "run: make page"
