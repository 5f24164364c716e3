"""A search, from a question's terms and vector to hits, against rank-bm25 and qdrant-client's local mode."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import numpy as np
from rank_bm25 import BM25Okapi

from server.analyzer import load_kiwi
from server.domain import Fingerprint, HybridQuery, Manifest, Passage, Point
from server.index import EdgeIndex
from server.index.identity import generation_name
from server.lexical import EPSILON, K1, B, Bm25, Terms, query_vector
from server.settings import Settings
from tests.bench.local_mode import LocalMode, TooSlowError
from tests.bench.question import read_questions
from tests.bench.scale import Scale
from tests.bench.synthetic import corpus_sentences, drawn
from tests.bench.table import Row
from tests.bench.timing import medians

_DIMENSIONS = 384
_LIMIT = 10


@dataclass(frozen=True, slots=True)
class _Question:
    """A question as the search gets it."""

    terms: list[str]
    vector: tuple[float, ...]


class _Texts:
    """`size` synthetic passages with their terms, and BM25 fitted to them."""

    def __init__(self, size: int, terms: Callable[[str], list[str]]) -> None:
        self._sentences = corpus_sentences()
        self._size = size
        # A sentence's terms are the same in every passage, and Kiwi on 100,000 passages would take minutes.
        terms_of = [terms(sentence) for sentence in self._sentences]
        self.okapi = BM25Okapi(
            (
                [term for number in numbers for term in terms_of[number]]
                for numbers in drawn(size, len(self._sentences), seed=size)
            ),
            k1=K1,
            b=B,
            epsilon=EPSILON,
        )

    def points(self) -> Iterator[Point]:
        """The passages with their weights, and with vectors drawn at random."""
        bm25 = Bm25(self.okapi)
        random = np.random.default_rng(self._size)
        for number, chosen in enumerate(drawn(self._size, len(self._sentences), seed=self._size)):
            yield Point(
                Passage(
                    id=str(UUID(int=number)),
                    source=f"{number % 100:04}.md",
                    title=f"{number}번 글",
                    locator=f"offset:{number}",
                    text=" ".join(self._sentences[sentence] for sentence in chosen),
                ),
                (_unit_vector(random),),
                bm25.passage_weights(number),
            )


def measure(scale: Scale, settings: Settings) -> Iterator[Row]:
    """Rows for every size: against rank-bm25 alone, and against qdrant-client's local mode."""
    terms = Terms(load_kiwi())
    random = np.random.default_rng(0)
    questions = [_Question(terms(text), _unit_vector(random)) for text in read_questions(scale.questions)]
    for size in scale.search_sizes:
        yield from _compare(_Texts(size, terms), size, questions, settings, seconds=scale.cell_seconds)


def _compare(
    texts: _Texts, size: int, questions: Sequence[_Question], settings: Settings, *, seconds: float
) -> Iterator[Row]:
    def hybrid(question: _Question) -> HybridQuery:
        return HybridQuery(
            dense=question.vector,
            sparse=query_vector(question.terms),
            limit=_LIMIT,
            candidates=settings.candidates,
            dense_weight=settings.dense_weight,
            lexical_weight=settings.lexical_weight,
            rrf_k=settings.rrf_k,
        )

    with TemporaryDirectory() as folder:
        index = EdgeIndex(Path(folder), compatible_with=None)
        index.publish(_manifest(size), texts.points())
        contenders: dict[str, Callable[[int], object]] = {
            "FutFut": lambda number: index.search(hybrid(questions[number])),
            "rank-bm25": lambda number: _best(texts.okapi, questions[number].terms),
        }
        note = ""
        try:
            local = LocalMode(_DIMENSIONS, texts.points(), seconds=seconds)
            contenders["local mode"] = lambda number: local.search(hybrid(questions[number]))
        except TooSlowError as error:
            note = str(error)
        index.search(hybrid(questions[0]))  # opens the generation
        taken = medians(len(questions), contenders, seconds=seconds)
        index.close()
    count = f"{size:,} passages"
    yield Row("search", count, taken["FutFut"], "rank-bm25 alone", taken["rank-bm25"])
    yield Row("search", count, taken["FutFut"], "qdrant-client, local mode", taken.get("local mode"), note)


def _best(okapi: BM25Okapi, terms: list[str]) -> list[int]:
    scores = okapi.get_scores(terms)
    best = np.argpartition(scores, -_LIMIT)[-_LIMIT:]
    return [int(number) for number in best[np.argsort(scores[best])[::-1]]]


def _unit_vector(random: np.random.Generator) -> tuple[float, ...]:
    vector = random.standard_normal(_DIMENSIONS, dtype=np.float32)
    return tuple((vector / np.linalg.norm(vector)).tolist())


def _manifest(size: int) -> Manifest:
    now = datetime.now(UTC)
    return Manifest(
        generation=generation_name(now),
        fingerprint=Fingerprint("synthetic", "none", "none", "none"),
        passages=size,
        documents=100,
        created=now.isoformat(timespec="seconds"),
        dimensions=_DIMENSIONS,
    )
