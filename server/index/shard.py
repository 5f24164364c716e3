"""One shard of qdrant-edge-py on disk: written once, then read."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    FieldCondition,
    Filter,
    Fusion,
    MatchAny,
    MultiVectorComparator,
    MultiVectorConfig,
    PayloadSchemaType,
    Prefetch,
    Query,
    QueryBatchRequest,
    QueryRequest,
    SparseVector,
    UpdateOperation,
)
from qdrant_edge import Point as EdgePoint

from server.domain import Hit, HybridQuery, Point
from server.errors import IndexDamagedError
from server.index.points import DENSE, FILTERABLE, TERMS, batched, hits, overfetch, passage, payload

_BATCH = 256  # points an upsert
# Below this (34,000 vectors of 384 numbers) a full scan is exact and takes a few milliseconds, while
# building the graph takes several times as long as writing everything else.
_GRAPH_FROM_KILOBYTES = 50_000


def write_shard(folder: Path, dimensions: int, points: Iterable[Point]) -> None:
    """Write a shard into an empty folder, flushed and closed.

    There is no write-ahead log. It would only serve to repeat updates after a crash, and a shard whose
    writing was cut short is thrown away; and only one process at a time may open a shard that has one.

    Raises:
        IndexDamagedError: the engine refuses a point or can't write.
    """
    config = EdgeConfig(
        vectors={
            DENSE: EdgeVectorParams(
                size=dimensions,
                distance=Distance.Dot,
                multivector_config=MultiVectorConfig(MultiVectorComparator.MaxSim),
            )
        },
        sparse_vectors={TERMS: EdgeSparseVectorParams()},
        optimizers=EdgeOptimizersConfig(indexing_threshold=_GRAPH_FROM_KILOBYTES),
        wal_enabled=False,
    )
    with _engine(folder):
        shard = EdgeShard.create(str(folder), config)
        for field in FILTERABLE:
            shard.update(UpdateOperation.create_field_index(field, PayloadSchemaType.Keyword))
    for batch in batched(points, _BATCH):
        with _engine(folder):
            shard.update(UpdateOperation.upsert_points([_edge_point(point) for point in batch]))
    with _engine(folder):
        shard.optimize()
        shard.flush()
        shard.close()


def load_shard(folder: Path) -> EdgeShard:
    """Open a shard for reading; it closes when the last reference to it goes away.

    Any number of processes may have it open. The first opening after `write_shard` tidies up the engine's
    journals; later ones rewrite a few small files, by renames and with the same content.

    Raises:
        IndexDamagedError: there is no shard, or the engine can't read it.
    """
    with _engine(folder):
        return EdgeShard.load(str(folder))


def count_points(shard: EdgeShard, folder: Path) -> int:
    """How many points a shard holds."""
    with _engine(folder):
        return shard.count(CountRequest())


def search_shard(shard: EdgeShard, folder: Path, query: HybridQuery) -> list[Hit]:
    """Run the fused query and both of its legs as one planned batch; see `EdgeIndex.search`.

    Raises:
        IndexDamagedError: the engine fails.
    """
    with _engine(folder):
        fused, dense, lexical = shard.query_batch(_batch(query))
    return hits(
        [(passage(point.id, point.payload), point.score) for point in fused],
        [str(point.id) for point in dense],
        [str(point.id) for point in lexical],
        limit=query.limit,
    )


@contextmanager
def _engine(folder: Path) -> Iterator[None]:
    """Translate the engine's exceptions, which have no class of their own.

    What they name is the whole generation: without its shard alone, its manifest would still say it is there.
    """
    try:
        yield
    except Exception as error:
        raise IndexDamagedError(str(folder.parent), str(error)) from error


def _edge_point(point: Point) -> EdgePoint:
    return EdgePoint(
        point.passage.id,
        {
            DENSE: [list(vector) for vector in point.dense],
            TERMS: SparseVector(list(point.sparse.indices), list(point.sparse.values)),
        },
        payload(point.passage),
    )


def _batch(query: HybridQuery) -> QueryBatchRequest:
    dense = Query.Nearest([list(query.dense)], using=DENSE)
    lexical = Query.Nearest(SparseVector(list(query.sparse.indices), list(query.sparse.values)), using=TERMS)
    condition = _filter(query)
    fused = QueryRequest(
        overfetch(query.limit),
        query=Fusion.Rrf(query.rrf_k, [query.dense_weight, query.lexical_weight]),  # type: ignore[arg-type]
        prefetches=[Prefetch(query.candidates, query=leg, filter=condition) for leg in (dense, lexical)],
        with_payload=True,
    )
    legs = [
        QueryRequest(query.candidates, query=leg, filter=condition, with_payload=False)
        for leg in (dense, lexical)
    ]
    return QueryBatchRequest([fused, *legs])


def _filter(query: HybridQuery) -> Filter | None:
    if not query.filters:
        return None
    return Filter(
        must=[FieldCondition(field, match=MatchAny(list(values))) for field, values in query.filters.items()]
    )
