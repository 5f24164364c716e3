"""The index on a server: what the network can do to it."""

import socket
import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from qdrant_client import models

from server.errors import IndexDamagedError, IndexUnreachableError
from server.index import EdgeIndex, open_index
from server.index.remote import QdrantIndex
from server.settings import Settings
from tests.contract.qdrant_http import QdrantHttp
from tests.contract.samples import COMPATIBLE, DIMENSIONS, manifest, points, query


@pytest.fixture
def server() -> Iterator[QdrantHttp]:
    with QdrantHttp() as server:
        yield server


@pytest.fixture
def index(server: QdrantHttp) -> Iterator[QdrantIndex]:
    index = QdrantIndex.connect(server.url, api_key=None, timeout=30, compatible_with=COMPATIBLE)
    yield index
    index.close()


def test_nobody_there() -> None:
    """Without a server every call says which URL doesn't answer, and which setting names it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    index = QdrantIndex.connect(url, api_key=None, timeout=1, compatible_with=COMPATIBLE)
    made = points(1)
    for call in (index.manifest, lambda: index.search(query()), lambda: index.publish(manifest(made), made)):
        with pytest.raises(IndexUnreachableError, match=f"{url}.*FUTFUT_QDRANT_URL"):
            call()
    index.close()


def test_slow_server(server: QdrantHttp, index: QdrantIndex) -> None:
    """A server that is slower than the timeout is given up, not waited for."""
    made = points(5)
    index.publish(manifest(made), made)
    impatient = QdrantIndex.connect(server.url, api_key=None, timeout=1, compatible_with=COMPATIBLE)
    server.delay = 10.0
    started = time.monotonic()
    with pytest.raises(IndexUnreachableError, match="timed out"):
        impatient.search(query())
    assert time.monotonic() - started < 5
    impatient.close()
    server.delay = 0.0
    assert len(index.search(query())) == 5


@pytest.mark.parametrize("status", [429, 500, 503])
def test_failing_server(server: QdrantHttp, index: QdrantIndex, status: int) -> None:
    """A server's error is passed on with its status, and the next search is tried anew."""
    made = points(5)
    index.publish(manifest(made), made)
    server.failure = status
    with pytest.raises(IndexUnreachableError, match=f"status {status}"):
        index.search(query())
    server.failure = None
    assert len(index.search(query())) == 5


def test_api_key_is_sent() -> None:
    """The key of the settings is sent (the client warns when that isn't over TLS); without it nothing is."""
    with QdrantHttp(api_key="열쇠".encode().hex()) as server:
        settings = Settings(qdrant_url=server.url, qdrant_api_key=SecretStr("열쇠".encode().hex()))
        with pytest.warns(UserWarning, match="insecure connection"):
            index = open_index(settings, compatible_with=COMPATIBLE)
        made = points(5)
        index.publish(manifest(made), made)
        assert len(index.search(query())) == 5
        stranger = QdrantIndex.connect(server.url, api_key=None, timeout=1, compatible_with=COMPATIBLE)
        with pytest.raises(IndexUnreachableError, match="status 401"):
            stranger.search(query())
        index.close()
        stranger.close()


def test_settings_without_a_server_open_the_embedded_index() -> None:
    """The embedded index is the default."""
    assert isinstance(open_index(Settings(), compatible_with=None), EdgeIndex)


def test_other_collections_are_left_alone(server: QdrantHttp, index: QdrantIndex) -> None:
    """Only generations are dropped, whatever else is on the server under a similar name."""
    others = {"futfut-notes", "someone-else", "futfut-20260101T000000000000Z-nothexad"}
    for name in others:
        server.local.create_collection(
            name, vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT)
        )
    made = points(3)
    for _ in range(3):
        index.publish(manifest(made), made)
    names = {collection.name for collection in server.local.get_collections().collections}
    assert others < names
    assert len(names - others) == 2


def test_alias_without_a_manifest(server: QdrantHttp, index: QdrantIndex) -> None:
    """A live collection that some other tool made is refused, not searched."""
    server.local.create_collection(
        "futfut-made-by-hand",
        vectors_config={"dense": models.VectorParams(size=DIMENSIONS, distance=models.Distance.DOT)},
    )
    server.local.update_collection_aliases(
        [
            models.CreateAliasOperation(
                create_alias=models.CreateAlias(collection_name="futfut-made-by-hand", alias_name="futfut")
            )
        ]
    )
    for call in (index.manifest, lambda: index.search(query())):
        with pytest.raises(IndexDamagedError, match="manifest"):
            call()


def test_half_filled_collection_is_dropped(server: QdrantHttp, index: QdrantIndex) -> None:
    """What was sent before the server failed is dropped when it can be, at the latest by the next build."""
    made = points(5)
    live = manifest(made)
    index.publish(live, made)

    def breaking() -> Iterator[object]:
        yield from made
        server.failure = 507

    with pytest.raises(IndexUnreachableError, match="507"):
        index.publish(manifest(made), breaking())  # type: ignore[arg-type]
    server.failure = None
    assert index.manifest() == live
    assert len(server.local.get_collections().collections) == 2
    index.publish(manifest(made), made)
    assert len(server.local.get_collections().collections) == 2


def test_alias_is_looked_at_once_a_second(server: QdrantHttp, index: QdrantIndex) -> None:
    """Searches in quick succession ask the server one thing each."""
    made = points(5)
    index.publish(manifest(made), made)
    index.search(query())
    asked: list[str] = []
    answer = server.answer

    def counted(method: str, path: str, key: str | None, body: object) -> tuple[int, object]:
        asked.append(path)
        return answer(method, path, key, body)

    server.answer = counted  # type: ignore[method-assign]
    for _ in range(10):
        index.search(query())
    assert asked.count("/aliases") <= 2
    assert len(asked) <= 12
