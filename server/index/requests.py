"""Points and questions in the words of Qdrant's REST API."""

from qdrant_client import models

from server.domain import HybridQuery, Point, SparseVector
from server.index.points import DENSE, TERMS, overfetch, payload


def point_struct(point: Point) -> models.PointStruct:
    """A point with its named vectors."""
    return models.PointStruct(
        id=point.passage.id,
        vector={DENSE: [list(vector) for vector in point.dense], TERMS: _sparse(point.sparse)},
        payload=payload(point.passage),
    )


def query_batch(query: HybridQuery) -> list[models.QueryRequest]:
    """The fused query, then its dense and its lexical leg alone, which say the ranks."""
    condition = _filter(query)
    legs: list[tuple[str, list[list[float]] | models.SparseVector]] = [
        (DENSE, [list(query.dense)]),
        (TERMS, _sparse(query.sparse)),
    ]
    fused = models.QueryRequest(
        prefetch=[
            models.Prefetch(query=vector, using=using, filter=condition, limit=query.candidates)
            for using, vector in legs
        ],
        query=models.RrfQuery(
            rrf=models.Rrf(k=query.rrf_k, weights=[query.dense_weight, query.lexical_weight])
        ),
        limit=overfetch(query.limit),
        with_payload=True,
    )
    return [
        fused,
        *(
            models.QueryRequest(query=vector, using=using, filter=condition, limit=query.candidates)
            for using, vector in legs
        ),
    ]


def _sparse(vector: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=list(vector.indices), values=list(vector.values))


def _filter(query: HybridQuery) -> models.Filter | None:
    if not query.filters:
        return None
    return models.Filter(
        must=[
            models.FieldCondition(key=field, match=models.MatchAny(any=list(values)))
            for field, values in query.filters.items()
        ]
    )
