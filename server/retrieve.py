"""A question to the passages that may answer it: terms and vector, then one hybrid query."""

from collections.abc import Mapping

from anyio import CapacityLimiter, to_thread

from server.domain import Hit, HybridQuery
from server.errors import QuestionTooLongError
from server.lexical import Terms, query_vector
from server.protocols import Embedder, Index


class HybridRetriever:
    """BM25 over Korean terms and dense vectors, fused in the engine by weighted reciprocal rank fusion.

    Terms, vector and query run one after the other in a single hop to a worker thread: together they take
    about ten milliseconds, most of it the encoder's, so that a hop for each would cost more than it saves.
    """

    def __init__(  # noqa: PLR0913 - one parameter a collaborator or a number of the operator's
        self,
        index: Index,
        embedder: Embedder,
        terms: Terms,
        *,
        limiter: CapacityLimiter,
        candidates: int,
        dense_weight: float,
        lexical_weight: float,
        rrf_k: int,
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._terms = terms
        self._limiter = limiter
        self._candidates = candidates
        self._dense_weight = dense_weight
        self._lexical_weight = lexical_weight
        self._rrf_k = rrf_k

    async def search(
        self, question: str, *, limit: int, filters: Mapping[str, tuple[str, ...]] | None = None
    ) -> list[Hit]:
        """The best `limit` passages, best first, each with its rank in both legs.

        Raises:
            IndexMissingError, IndexMismatchError, IndexUnreachableError: see `server.protocols.Index`.
            UnknownFilterError: a filter names a field that passages don't have.
            QuestionTooLongError: the encoder reads fewer tokens than the question has.
        """
        return await to_thread.run_sync(
            self.search_blocking, question, limit, filters or {}, limiter=self._limiter
        )

    def search_blocking(self, question: str, limit: int, filters: Mapping[str, tuple[str, ...]]) -> list[Hit]:
        """The same on the calling thread, for evaluation and benchmarks."""
        return self._index.search(
            HybridQuery(
                dense=self._embed(question),
                sparse=query_vector(self._terms(question)),
                limit=limit,
                candidates=max(self._candidates, limit),
                dense_weight=self._dense_weight,
                lexical_weight=self._lexical_weight,
                rrf_k=self._rrf_k,
                filters=filters,
            )
        )

    def _embed(self, question: str) -> tuple[float, ...]:
        try:
            return self._embedder.embed_query(question)
        except ValueError as error:
            tokens = self._embedder.count_tokens(question)
            raise QuestionTooLongError(tokens, self._embedder.max_tokens) from error
