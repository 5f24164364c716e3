"""What `/schema` tells: every route, what goes in and out, problems, streams; and nothing from elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from kiwipiepy import Kiwi
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from server.api.schemas import (
    ChatRequest,
    DoneOut,
    LoadingOut,
    QueryRequest,
    QueueOut,
    SearchRequest,
    SourcesOut,
    SwapRequest,
    TokenOut,
)
from tests.integration.http_service import Service


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, kiwi: Kiwi) -> Iterator[TestClient[Litestar]]:
    folder: Path = tmp_path_factory.mktemp("home")
    with TestClient(Service(folder, kiwi).app) as client:
        yield client


@pytest.fixture(scope="module")
def schema(client: TestClient[Litestar]) -> Any:
    return client.get("/schema").json()


def test_documents(client: TestClient[Litestar], schema: Any) -> None:
    """The schema is there as JSON and as YAML, the same; no page loads anything from another host."""
    assert client.get("/schema").headers["content-type"] == "application/json"
    assert client.get("/schema/openapi.json").json() == schema
    assert yaml.safe_load(client.get("/schema/openapi.yaml").text) == schema
    assert schema["openapi"].startswith("3.1")
    assert "https://" not in json.dumps(schema)


def test_every_route_is_documented(client: TestClient[Litestar], schema: Any) -> None:
    """All routes but the schema's own are in it, each with summary, description and success."""
    routes = {
        (route.path, method.lower())
        for route in client.app.routes
        if isinstance(route, HTTPRoute) and not route.path.startswith("/schema")
        for method in route.methods - {"OPTIONS"}
    }
    documented = {(path, method) for path, item in schema["paths"].items() for method in item}
    assert routes == documented
    assert len(routes) == 8
    for path, item in schema["paths"].items():
        for operation in item.values():
            assert operation["summary"]
            assert operation["description"]
            success = next(told for status, told in operation["responses"].items() if status < "300")[
                "content"
            ]
            if path == "/metrics":
                assert list(success) == ["text/plain"]
            else:
                assert success["application/json"]["schema"]["$ref"]


def test_problems_are_documented(schema: Any) -> None:
    """Each operation names the problems that it may answer with, all of one shape."""
    for path, item in schema["paths"].items():
        for operation in item.values():
            failures = {status: told for status, told in operation["responses"].items() if status >= "300"}
            if path in {"/health/live", "/metrics"}:
                assert not failures
                continue
            assert {"503"} <= set(failures)
            if "requestBody" in operation:
                assert {"400", "413", "415", "500", "503"} <= set(failures)
            for told in failures.values():
                content = told["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
    problem = schema["components"]["schemas"]["Problem"]
    assert set(problem["required"]) == {"type", "title", "status", "detail"}
    assert "errors" in problem["properties"]


@pytest.mark.parametrize(
    ("path", "of"),
    [
        ("/chat", ChatRequest),
        ("/query", QueryRequest),
        ("/search", SearchRequest),
        ("/admin/model", SwapRequest),
    ],
)
def test_examples_are_valid(schema: Any, path: str, of: type) -> None:
    """The examples of request bodies are requests."""
    body = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["allOf"] == [{"$ref": f"#/components/schemas/{of.__name__}"}]
    assert body["examples"]
    for example in body["examples"]:
        msgspec.convert(example, of)


def test_streams_are_documented(schema: Any) -> None:
    """The event stream stands beside JSON, and its example consists of events as they are sent."""
    stream = schema["paths"]["/chat"]["post"]["responses"]["200"]["content"]["text/event-stream"]
    shapes = {
        "queue": QueueOut,
        "sources": SourcesOut,
        "loading": LoadingOut,
        "token": TokenOut,
        "done": DoneOut,
    }
    names = []
    for block in stream["examples"]["answer"]["value"].strip().split("\n\n"):
        name, data = block.split("\n")
        names.append(name.removeprefix("event: "))
        msgspec.json.decode(data.removeprefix("data: "), type=shapes[names[-1]], strict=True)
    assert names == ["queue", "sources", "loading", "token", "token", "done"]
    assert set(names) == set(shapes)


def test_limits_are_documented(schema: Any) -> None:
    """What is refused can be read in the schema first."""
    schemas = schema["components"]["schemas"]
    limit = schemas["SearchRequest"]["properties"]["limit"]
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 100, 10)
    assert schemas["ChatMessage"]["properties"]["role"]["enum"] == ["user", "assistant"]
    assert schemas["QueryRequest"]["properties"]["query"]["minLength"] == 1
