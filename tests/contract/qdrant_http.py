"""A Qdrant server for tests: its REST calls over real HTTP, answered by qdrant-client's local mode."""

import json
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic_core import to_jsonable_python
from qdrant_client import QdrantClient, models

Answer = Callable[[QdrantClient, str, Any], Any]


def _create(local: QdrantClient, name: str, body: Any) -> Any:
    wanted = models.CreateCollection.model_validate(body)
    return local.create_collection(
        name,
        vectors_config=wanted.vectors,
        sparse_vectors_config=wanted.sparse_vectors,
        metadata=wanted.metadata,
    )


def _upsert(local: QdrantClient, name: str, body: Any) -> Any:
    return local.upsert(name, models.PointsList.model_validate(body).points)


def _query(local: QdrantClient, name: str, body: Any) -> Any:
    return local.query_batch_points(name, models.QueryRequestBatch.model_validate(body).searches)


def _aliases(local: QdrantClient, _name: str, body: Any) -> Any:
    return local.update_collection_aliases(models.ChangeAliasesOperation.model_validate(body).actions)


def _index(_local: QdrantClient, _name: str, _body: Any) -> Any:
    # Local mode filters by looking at every point and warns that an index does nothing for it.
    return models.UpdateResult(operation_id=0, status=models.UpdateStatus.COMPLETED)


# The first pattern that matches is taken; its group is the collection.
ROUTES: list[tuple[str, str, Answer]] = [
    ("GET", "/()aliases", lambda local, _name, _body: local.get_aliases()),
    ("POST", "/()collections/aliases", _aliases),
    ("GET", "/()collections", lambda local, _name, _body: local.get_collections()),
    ("GET", "/collections/([^/]+)", lambda local, name, _body: local.get_collection(name)),
    ("PUT", "/collections/([^/]+)", _create),
    ("DELETE", "/collections/([^/]+)", lambda local, name, _body: local.delete_collection(name)),
    ("PUT", "/collections/([^/]+)/index", _index),
    ("PUT", "/collections/([^/]+)/points", _upsert),
    ("POST", "/collections/([^/]+)/points/count", lambda local, name, _body: local.count(name)),
    ("POST", "/collections/([^/]+)/points/query/batch", _query),
]


class QdrantHttp:
    """The server, on a free port from entry to exit.

    Attributes:
        local: what it serves, for a look behind the API.
        delay: seconds that every answer waits.
        failure: a status to answer everything with.
    """

    def __init__(self, *, api_key: str | None = None) -> None:
        self.local = QdrantClient(":memory:")
        self.delay = 0.0
        self.failure: int | None = None
        self._api_key = api_key
        self._lock = threading.Lock()  # local mode knows nothing of threads
        self._closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = False
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,)).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()  # waits for the calls under way
        self.local.close()

    def answer(self, method: str, path: str, key: str | None, body: Any) -> tuple[int, Any]:
        """Status and JSON of one call."""
        if self._closing.wait(self.delay):
            return 503, {"status": {"error": "closing"}}
        if self.failure is not None:
            return self.failure, {"status": {"error": "told to fail"}}
        if key != self._api_key:
            return 401, {"status": {"error": "Must provide an API key"}}
        for verb, pattern, run in ROUTES:
            if verb == method and (match := re.fullmatch(pattern, path)):
                try:
                    with self._lock:
                        result = run(self.local, match[1], body)
                except ValueError as error:
                    return 404 if "not found" in str(error) else 400, {"status": {"error": str(error)}}
                return 200, {"result": to_jsonable_python(result), "status": "ok", "time": 0.0}
        return 501, {"status": {"error": f"{method} {path} isn't served here"}}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, result = server.answer(
                    self.command,
                    urlsplit(self.path).path,
                    self.headers.get("api-key"),
                    json.loads(raw) if raw else None,
                )
                content = json.dumps(result).encode()
                with suppress(ConnectionError):  # the client has given up waiting
                    self.send_response(status)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - what http.server calls

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Keep the tests' output to the tests."""

        return Handler
