"""Indexes, embedded and on a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.index import Compatibility, EdgeIndex
from server.index.remote import QdrantIndex
from tests.contract.index.store import AnyIndex, Store
from tests.contract.qdrant_http import QdrantHttp
from tests.contract.samples import COMPATIBLE


@pytest.fixture(params=["edge", "qdrant over HTTP"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: list[AnyIndex] = []
    if request.param == "edge":

        def edge(compatible_with: Compatibility | None) -> AnyIndex:
            opened.append(EdgeIndex(tmp_path, compatible_with=compatible_with))
            return opened[-1]

        yield Store(edge, lambda: {folder.name for folder in (tmp_path / "generations").iterdir()})
    else:
        with QdrantHttp() as server:

            def remote(compatible_with: Compatibility | None) -> AnyIndex:
                opened.append(
                    QdrantIndex.connect(server.url, api_key=None, timeout=5, compatible_with=compatible_with)
                )
                return opened[-1]

            def collections() -> set[str]:
                names = [collection.name for collection in server.local.get_collections().collections]
                return {name.removeprefix("futfut-") for name in names}

            yield Store(remote, collections)
    for index in opened:
        index.close()


@pytest.fixture
def index(store: Store) -> AnyIndex:
    return store.open(COMPATIBLE)
