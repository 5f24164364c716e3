"""The index on a Qdrant server or cluster: a collection a generation, and an alias for the live one."""

import math
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Self

import msgspec
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from server.domain import Hit, HybridQuery, Manifest, Point
from server.errors import IndexDamagedError, IndexMissingError, IndexUnreachableError
from server.index.identity import GENERATION_NAME, Compatibility
from server.index.live import Live
from server.index.points import DENSE, FILTERABLE, TERMS, batched, check_filters, hits, passage
from server.index.requests import point_struct, query_batch

_BATCH = 128  # points a request: about a megabyte of JSON
_ALIAS_SECONDS = 1.0  # how long a look at the alias is good for
_NEVER: tuple[float, str | None] = (-math.inf, None)


class QdrantIndex:
    """Generations of points on a Qdrant server, version 1.17 or later (weighted RRF, collection metadata).

    A generation is the collection `futfut-<generation>`, the live one has the alias `futfut`. The manifest
    is the collection's metadata: it comes into being with the collection and goes with it, and is no point
    that every search would have to leave out.

    Searches name the collection, not the alias, so that what is asked for and what answers are known to
    fit; the alias is looked at once a second at most. Thread-safe.
    """

    def __init__(
        self, client: QdrantClient, *, url: str, name: str = "futfut", compatible_with: Compatibility | None
    ) -> None:
        """Send nothing yet.

        Args:
            client: of a server; its own timeout bounds every call.
            url: the server's address, for messages.
            name: the alias, and what the collections' names begin with.
            compatible_with: what questions are put with; None opens any generation.
        """
        self._client = client
        self._url = url
        self._name = name
        self._compatible_with = compatible_with
        self._seen = _NEVER  # when the alias was looked at, and what it named
        self._live = Live(self._recent_collection, self._open_newest)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        api_key: str | None,
        timeout: float,
        name: str = "futfut",
        compatible_with: Compatibility | None,
    ) -> Self:
        """An index on the server at `url`; `timeout` is in seconds, of which the client takes whole ones."""
        client = QdrantClient(
            url=url,
            api_key=api_key,
            timeout=math.ceil(timeout),
            # The check runs on a thread of its own and can only print; a server too old says so when asked.
            check_compatibility=False,
        )
        return cls(client, url=url, name=name, compatible_with=compatible_with)

    def manifest(self) -> Manifest | None:
        """What is live on the server now; None before anything has been published.

        Raises:
            IndexDamagedError: the live collection has no manifest.
            IndexUnreachableError: the server doesn't answer, or with an error.
        """
        collection = self._live_collection()
        return None if collection is None else self._manifest_of(collection)

    def publish(self, manifest: Manifest, points: Iterable[Point]) -> None:
        """Fill a collection beside the live one, count it, then move the alias to it in one step.

        Collections older than the one that was live until now are dropped; that one stays for those who still
        ask it. The caller sees to it that nobody else publishes meanwhile.

        Raises:
            IndexDamagedError: the collection doesn't hold what the manifest says.
            IndexUnreachableError: the server doesn't answer, or with an error.
        """
        collection = f"{self._name}-{manifest.generation}"
        previous = self._live_collection()
        try:
            self._fill(collection, manifest, points)
        except BaseException:
            with suppress(IndexUnreachableError):  # then the next build drops it
                self._drop(collection)
            raise
        with self._server():
            self._client.update_collection_aliases(
                [
                    models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=self._name)),
                    models.CreateAliasOperation(
                        create_alias=models.CreateAlias(collection_name=collection, alias_name=self._name)
                    ),
                ]
            )
        self._seen = _NEVER
        for older in self._collections() - {collection, previous}:
            self._drop(older)

    def search(self, query: HybridQuery) -> list[Hit]:
        """Both legs and their fusion on the live collection, best first.

        One request with three queries, as `EdgeIndex.search` describes them; scores and ranks mean the same.

        Raises:
            IndexMissingError: nothing has been published.
            IndexMismatchError: the live collection was built with another encoder or other terms.
            IndexDamagedError: the live collection has no manifest.
            IndexUnreachableError: the server doesn't answer, or with an error.
            UnknownFilterError: a filter names a field that can't be filtered on.
        """
        check_filters(query.filters)
        fused, dense, lexical = self._query(query)
        return hits(
            [(passage(point.id, point.payload), point.score) for point in fused.points],
            [str(point.id) for point in dense.points],
            [str(point.id) for point in lexical.points],
            limit=query.limit,
        )

    def answering(self) -> Manifest:
        """What searches are answered from: the live collection, or the one before it if that doesn't suit.

        Raises:
            IndexMissingError, IndexMismatchError, IndexDamagedError, IndexUnreachableError: as `search`.
        """
        return self._manifest_of(self._live.get())

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _query(self, query: HybridQuery) -> list[models.QueryResponse]:
        while True:
            collection = self._live.get()
            try:
                with self._server():
                    return self._client.query_batch_points(collection, query_batch(query))
            except IndexUnreachableError as error:
                if not _is_gone(error) or self._live_collection() == collection:
                    raise
            # Two builds since the last look at the alias have dropped the collection: look again.
            self._live.forget()

    def _open_newest(self) -> str:
        collection = self._live_collection()
        if collection is None:
            raise IndexMissingError(f"{self._url} under the name {self._name}")
        if self._compatible_with is not None:
            self._compatible_with.check(self._manifest_of(collection))
        return collection

    def _recent_collection(self) -> str | None:
        asked, collection = self._seen
        if time.monotonic() - asked > _ALIAS_SECONDS:
            collection = self._live_collection()
            self._seen = (time.monotonic(), collection)
        return collection

    def _live_collection(self) -> str | None:
        with self._server():
            aliases = self._client.get_aliases().aliases
        return next((alias.collection_name for alias in aliases if alias.alias_name == self._name), None)

    def _manifest_of(self, collection: str) -> Manifest:
        with self._server():
            metadata = self._client.get_collection(collection).config.metadata
        try:
            return msgspec.convert(metadata, Manifest)
        except msgspec.ValidationError as error:
            reason = f"its metadata isn't a manifest ({error}); the server must be Qdrant 1.17 or later"
            raise IndexDamagedError(f"{self._url}, collection {collection}", reason) from error

    def _fill(self, collection: str, manifest: Manifest, points: Iterable[Point]) -> None:
        with self._server():
            self._client.create_collection(
                collection,
                vectors_config={
                    DENSE: models.VectorParams(
                        size=manifest.dimensions,
                        distance=models.Distance.DOT,
                        multivector_config=models.MultiVectorConfig(
                            comparator=models.MultiVectorComparator.MAX_SIM
                        ),
                    )
                },
                sparse_vectors_config={TERMS: models.SparseVectorParams()},
                metadata=msgspec.to_builtins(manifest),
            )
            for field in FILTERABLE:
                self._client.create_payload_index(collection, field, models.PayloadSchemaType.KEYWORD)
        for batch in batched(points, _BATCH):
            with self._server():
                self._client.upsert(collection, [point_struct(point) for point in batch], wait=True)
        with self._server():
            found = self._client.count(collection, exact=True).count
        if found != manifest.passages:
            raise IndexDamagedError(
                f"{self._url}, collection {collection}", f"it holds {found} of {manifest.passages} passages"
            )

    def _collections(self) -> set[str]:
        """All generations on the server. Other collections may have names that begin like theirs."""
        with self._server():
            collections = self._client.get_collections().collections
        generation = re.compile(f"{re.escape(self._name)}-{GENERATION_NAME}")
        return {collection.name for collection in collections if generation.fullmatch(collection.name)}

    def _drop(self, collection: str) -> None:
        with self._server():
            self._client.delete_collection(collection)

    @contextmanager
    def _server(self) -> Iterator[None]:
        """Translate the client's exceptions."""
        try:
            yield
        except (ApiException, QdrantException) as error:
            raise IndexUnreachableError(self._url, _reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, ResponseHandlingException):  # no response, or one that makes no sense
        return f"{type(error.source).__name__}: {error.source}"
    if isinstance(error, UnexpectedResponse):
        return f"status {error.status_code}: {error.content.decode(errors='replace')[:200]}"
    return str(error)


def _is_gone(error: IndexUnreachableError) -> bool:
    return (
        isinstance(error.__cause__, UnexpectedResponse)
        and error.__cause__.status_code == HTTPStatus.NOT_FOUND
    )
