"""qdrant-client without a server: the same points and the same query, computed in Python and numpy."""

import warnings
from collections.abc import Iterable
from time import monotonic

from qdrant_client import QdrantClient, models

from server.domain import HybridQuery, Point
from server.index.points import DENSE, TERMS, batched
from server.index.requests import point_struct, query_batch

_COLLECTION = "bench"
_BATCH = 256


class TooSlowError(Exception):
    """Local mode doesn't take the points in within the time."""


class LocalMode:
    """A collection in memory, searched by the fused query alone, without those that tell FutFut the ranks."""

    def __init__(self, dimensions: int, points: Iterable[Point], *, seconds: float) -> None:
        """Take the points in.

        Raises:
            TooSlowError: it takes longer than `seconds`.
        """
        self._client = QdrantClient(":memory:")
        self._client.create_collection(
            _COLLECTION,
            vectors_config={
                DENSE: models.VectorParams(
                    size=dimensions,
                    distance=models.Distance.DOT,
                    multivector_config=models.MultiVectorConfig(
                        comparator=models.MultiVectorComparator.MAX_SIM
                    ),
                )
            },
            sparse_vectors_config={TERMS: models.SparseVectorParams()},
        )
        started = monotonic()
        for number, batch in enumerate(batched(points, _BATCH)):
            if monotonic() - started > seconds:
                raise TooSlowError(
                    f"not measured: {number * _BATCH:,} passages after {seconds:.0f} s of loading"
                )
            with warnings.catch_warnings():
                # It advises against more than 20,000 points, which is what is being measured.
                warnings.simplefilter("ignore", UserWarning)
                self._client.upsert(_COLLECTION, [point_struct(point) for point in batch])

    def search(self, query: HybridQuery) -> list[models.ScoredPoint]:
        """The fused points, best first."""
        fused = query_batch(query)[0]
        return self._client.query_points(
            _COLLECTION,
            prefetch=fused.prefetch,
            query=fused.query,
            limit=query.limit,
            with_payload=True,
        ).points
