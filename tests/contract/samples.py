"""Small made-up indexes: points whose vectors and weights are drawn at random, and questions to them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import numpy as np

from server.domain import Fingerprint, HybridQuery, Manifest, Passage, Point, SparseVector
from server.index import Compatibility
from server.index.identity import generation_name

DIMENSIONS = 8
FINGERPRINT = Fingerprint(corpus="corpus-1", chunker="chunker-1", terms="terms-1", encoder="encoder-1")
COMPATIBLE = Compatibility(encoder="encoder-1", terms="terms-1")


def passage(number: int, *, edition: str = "처음") -> Passage:
    """A passage whose id says its number."""
    return Passage(
        id=str(UUID(int=number + 1)),
        source=f"파일{number % 3}.md",
        title=f"제목 {number % 2}",
        locator=f"row:{number}",
        text=f"{edition} {number}번째 글입니다. 'quoted' \"인용\" 🥅",
        context="규칙 > 킥인",
    )


def points(count: int, *, edition: str = "처음", seed: int = 0) -> list[Point]:
    """Points with unit vectors and a few of 40 terms each; the same for the same seed."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        vector = rng.standard_normal(DIMENSIONS)
        indices = np.sort(rng.choice(40, 6, replace=False)).tolist()
        made.append(
            Point(
                passage=passage(number, edition=edition),
                dense=(tuple((vector / np.linalg.norm(vector)).tolist()),),
                sparse=SparseVector(tuple(indices), tuple(rng.uniform(0.1, 3, 6).tolist())),
            )
        )
    return made


def manifest(made: Sequence[Point], fingerprint: Fingerprint = FINGERPRINT) -> Manifest:
    """A manifest that fits the points."""
    now = datetime.now(UTC)
    return Manifest(
        generation=generation_name(now),
        fingerprint=fingerprint,
        passages=len(made),
        documents=3,
        created=now.isoformat(timespec="seconds"),
        dimensions=DIMENSIONS,
    )


def query(seed: int = 1, **changes: object) -> HybridQuery:
    """A question drawn at random; keyword arguments replace fields of the query."""
    rng = np.random.default_rng(seed)
    vector = rng.standard_normal(DIMENSIONS)
    drawn = HybridQuery(
        dense=tuple((vector / np.linalg.norm(vector)).tolist()),
        sparse=SparseVector(tuple(np.sort(rng.choice(40, 3, replace=False)).tolist()), (1.0, 2.0, 1.0)),
        limit=5,
        candidates=20,
        dense_weight=1.0,
        lexical_weight=1.0,
        rrf_k=60,
    )
    return replace(drawn, **changes)  # type: ignore[arg-type]


def dot(left: Point, right: HybridQuery) -> tuple[float, float]:
    """A point's scores in the dense and in the lexical leg, computed here."""
    weights = dict(zip(left.sparse.indices, left.sparse.values, strict=True))
    lexical = sum(
        weights.get(i, 0.0) * v for i, v in zip(right.sparse.indices, right.sparse.values, strict=True)
    )
    return float(np.dot(left.dense[0], right.dense)), lexical
