"""The pipeline that FutFut began with, as the mark that retrieval is measured against."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from kiwipiepy import Kiwi
from rank_bm25 import BM25Okapi

from server.domain import Hit, Point
from server.protocols import Embedder

LEXICAL_WEIGHT = 0.3
DENSE_WEIGHT = 0.7
RRF_K = 60


class Baseline:
    """The first version's hybrid search, over the passages and the vectors that the search under test has.

    It stands for Kiwi with every morpheme kept (particles and endings too), rank-bm25's `BM25Okapi` and a
    vector store, joined by LangChain's `EnsembleRetriever` with weights 0.3 and 0.7: weighted reciprocal rank
    fusion with c = 60, each retriever bringing its first k (k = 4 there). Passages and encoder are today's:
    what differs is the search alone.
    """

    def __init__(self, points: Sequence[Point], embedder: Embedder, kiwi: Kiwi) -> None:
        """Fit BM25 to the points, at least one; the embedder is the one that made their vectors."""
        self._passages = [point.passage for point in points]
        self._vectors = np.array([point.dense[0] for point in points], dtype=np.float32)
        self._embedder = embedder
        self._kiwi = kiwi
        self._okapi = BM25Okapi([self._morphemes(passage.indexed_text) for passage in self._passages])

    def search(self, question: str, limit: int) -> list[Hit]:
        """The best `limit` passages when each leg brings its first `limit`, best first."""
        lexical = _first(self._okapi.get_scores(self._morphemes(question)), limit)
        # Vectors are normalized, so that the product is the cosine.
        dense = _first(
            self._vectors @ np.array(self._embedder.embed_query(question), dtype=np.float32), limit
        )
        fused: dict[int, float] = {}
        for ranks, weight in ((lexical, LEXICAL_WEIGHT), (dense, DENSE_WEIGHT)):
            for number, place in ranks.items():
                fused[number] = fused.get(number, 0.0) + weight / (RRF_K + place)
        best = sorted(fused, key=fused.__getitem__, reverse=True)[:limit]
        return [Hit(self._passages[n], fused[n], lexical.get(n), dense.get(n)) for n in best]

    def _morphemes(self, text: str) -> list[str]:
        return [token.form for token in self._kiwi.tokenize(text)]


def _first(scores: npt.NDArray[np.floating], limit: int) -> dict[int, int]:
    """The best `limit` passages' numbers, each with its place; ties and zeros as rank-bm25's `get_top_n`."""
    return {int(number): place for place, number in enumerate(np.argsort(scores)[::-1][:limit], start=1)}
