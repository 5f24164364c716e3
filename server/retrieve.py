"""A question to the passages that may answer it: terms and vector, then one hybrid query."""

import math
from collections.abc import Mapping

from anyio import CapacityLimiter, to_thread

from server.domain import Hit, HybridQuery
from server.lexical import Terms, query_vector
from server.protocols import Embedder, Index

PREFIX_TOKENS = 4
NEAR_MIDDLE = 50  # characters within which a long question is rather cut at a space


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
        """The question's vector; of one too long for the encoder, the mean of its halves' vectors.

        Either way it is about all of the question: nothing is cut off.
        """
        # What is counted includes a passage's prefix, and a question's may take a token more.
        if self._embedder.count_tokens(question) < self._embedder.max_tokens - PREFIX_TOKENS:
            return self._embedder.embed_query(question)
        middle = len(question) // 2
        cut = question.find(" ", middle, middle + NEAR_MIDDLE)
        at = middle if cut < 0 else cut
        first, second = self._embed(question[:at]), self._embed(question[at:])
        mean = [a + b for a, b in zip(first, second, strict=True)]
        length = math.hypot(*mean)
        return tuple(number / length for number in mean)
