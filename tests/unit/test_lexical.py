"""Terms of Korean text, and BM25 weights that add up to rank-bm25's own scores."""

import unicodedata

import mmh3
import numpy as np
import pytest
from kiwipiepy import Kiwi
from rank_bm25 import BM25Okapi

from server.domain import SparseVector
from server.lexical import Bm25, Terms, query_vector

KOREAN = [
    "골키퍼는 자기 진영에서 공을 4초까지 가질 수 있다. 4초가 지나면 간접 프리킥이다.",
    "누적 파울이 다섯 개를 넘으면 상대 팀은 벽 없이 10m 지점에서 찬다.",
    "경기는 전반 20분과 후반 20분이고, 공이 멈추면 시계도 멈춘다.",
    "교체는 인원과 횟수에 제한이 없고, 나가는 선수가 먼저 교체 구역을 지나야 한다.",
    "풋살화는 밑창이 평평한 실내화를 신는다. 스터드가 있는 축구화는 신을 수 없다.",
    "킥인은 라인 위에 공을 멈춰 놓고 4초 안에 찬다. 손으로 던지지 않는다.",
    "실내 구장은 비가 와도 뛸 수 있고, 실외 구장은 비가 오면 취소될 수 있어요.",
]


def dot(left: SparseVector, right: SparseVector) -> float:
    """The score that an engine computes."""
    weights = dict(zip(left.indices, left.values, strict=True))
    return sum(weights.get(i, 0.0) * v for i, v in zip(right.indices, right.values, strict=True))


def scores(passages: list[list[str]], query: list[str]) -> list[float]:
    """The scores of all passages by the sparse vectors."""
    bm25 = Bm25.fit(passages)
    return [dot(bm25.passage_weights(i), query_vector(query)) for i in range(len(passages))]


@pytest.fixture
def terms(kiwi: Kiwi) -> Terms:
    return Terms(kiwi)


def test_content_words_are_kept_and_grammar_is_not(terms: Terms) -> None:
    """Nouns, stems, numbers and lower-cased Latin words are terms; particles and endings aren't."""
    found = [t for t in terms("골키퍼는 PK에서 4초 안에 새로운 공을 던졌다") if not t.startswith("#")]
    assert {"골키퍼", "pk", "4", "초", "새롭", "공", "던지"} <= set(found)
    assert not {"는", "을", "에서", "었", "다"} & set(found)


def test_spacing_does_not_change_bigrams(terms: Terms) -> None:
    """Bigrams of a text are the same however it is spaced, and in NFD as in NFC."""

    def bigrams(text: str) -> list[str]:
        return [t for t in terms(text) if t.startswith("#")]

    expected = ["#골클", "#클리", "#리어", "#어런", "#런스"]
    assert bigrams("골클리어런스") == expected
    assert bigrams("골 클리어\n런스") == expected
    assert bigrams(unicodedata.normalize("NFD", "골 클리어런스")) == expected


def test_bigrams_do_not_cross_punctuation(terms: Terms) -> None:
    """A bigram holds two characters of one run of hangul, Latin letters and digits."""
    assert [t for t in terms("A팀, 5-3") if t.startswith("#")] == ["#a팀"]


def test_text_without_words_has_no_terms(terms: Terms) -> None:
    """Blank text and mere punctuation give no term."""
    assert terms("") == []
    assert terms(" …!? ") == []


def test_fingerprint_names_the_analyser(terms: Terms) -> None:
    """Another Kiwi or other BM25 parameters give another fingerprint."""
    assert "kiwipiepy-" in terms.fingerprint
    assert "k1=1.5 b=0.75 epsilon=0.25" in terms.fingerprint


@pytest.mark.parametrize("seed", range(5))
def test_weights_add_up_to_rank_bm25_on_random_passages(seed: int) -> None:
    """Dot products equal `get_scores`, for rare terms and for those in most passages (the epsilon floor)."""
    rng = np.random.default_rng(seed)
    words = [f"t{i}" for i in range(60)]
    common = 1 / np.arange(1, 61) / np.sum(1 / np.arange(1, 61))
    passages = [rng.choice(words, rng.integers(0, 40), p=common).tolist() for _ in range(300)]
    okapi = BM25Okapi(passages)
    assert any(idf == okapi.epsilon * okapi.average_idf for idf in okapi.idf.values())
    for _ in range(10):
        query = [*rng.choice(words, 8).tolist(), "unseen"]
        np.testing.assert_allclose(scores(passages, query), okapi.get_scores(query), rtol=1e-12, atol=1e-12)


def test_weights_add_up_to_rank_bm25_on_korean(terms: Terms) -> None:
    """Dot products equal `get_scores` on real terms, repeated query terms included."""
    passages = [terms(text) for text in KOREAN]
    for question in ("골키퍼 4초 4초", "비오면 취소되나요", "풋살화 뭐 신어", "교체 몇명"):
        query = terms(question)
        np.testing.assert_allclose(
            scores(passages, query), BM25Okapi(passages).get_scores(query), rtol=1e-12, atol=1e-12
        )


def test_negative_floor_is_kept() -> None:
    """In a corpus where most terms stand in most passages the scores are negative, as rank-bm25's are."""
    passages = [["a", "b"], ["a", "b"], ["a", "b", "c"]]
    expected = BM25Okapi(passages).get_scores(["a"])
    assert (expected < 0).all()
    np.testing.assert_allclose(scores(passages, ["a"]), expected, rtol=1e-12)


def test_terms_without_weight_are_left_out() -> None:
    """A term in exactly half of the passages has idf 0 and makes no passage a candidate."""
    passages = [["a", "x", "y"], ["a", "z"], ["b"], ["c"]]
    weights = Bm25.fit(passages).passage_weights(0)
    assert mmh3.hash("a", signed=False) not in weights.indices
    assert len(weights.indices) == 2


@pytest.mark.parametrize("passages", [[], [[]], [[], []]], ids=["no passage", "one empty", "two empty"])
def test_nothing_to_fit(passages: list[list[str]]) -> None:
    """A corpus without terms gives empty vectors where rank-bm25 divides by zero."""
    bm25 = Bm25.fit(passages)
    assert all(bm25.passage_weights(i) == SparseVector((), ()) for i in range(len(passages)))


def test_empty_passage_among_others() -> None:
    """A passage without terms has an empty vector; the others keep their scores."""
    passages: list[list[str]] = [["a"], [], ["b"], ["c"]]
    assert Bm25.fit(passages).passage_weights(1) == SparseVector((), ())
    np.testing.assert_allclose(scores(passages, ["a"]), BM25Okapi(passages).get_scores(["a"]))


def test_fit_reads_an_iterator_once() -> None:
    """Terms may come from a generator."""
    passages = [["a", "b"], ["b"], ["c"]]
    from_iterator = Bm25.fit(iter(passages))
    assert from_iterator.passage_weights(0) == Bm25.fit(passages).passage_weights(0)


def test_vectors_are_sorted_and_colliding_terms_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """Indices ascend and are distinct; terms with one hash share an index and their counts are summed."""
    vector = query_vector(["나", "가", "나", "다"])
    assert list(vector.indices) == sorted(set(vector.indices))
    assert sum(vector.values) == 4
    monkeypatch.setattr(mmh3, "hash", lambda _term, *, signed: 7 + signed)
    assert query_vector(["나", "가", "나", "다"]) == SparseVector((7,), (4.0,))


def test_hash_is_murmur3_unsigned() -> None:
    """The hash is MurmurHash3 x86 32-bit with seed 0, unsigned: an index written elsewhere can be read."""
    assert query_vector([""]).indices == (0,)
    assert query_vector(["hello"]).indices == (0x248BFA47,)
    assert query_vector(["hello, world"]).indices == (0x149BBB7F,)
