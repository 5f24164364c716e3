"""Korean text to terms, and terms to BM25 weights that a vector engine can serve.

The weights are those of rank-bm25's `BM25Okapi` (the ATIRE variant with a floor under the idf, in
Trotman, Puurula and Burgess, "Improvements to BM25 and Language Models Examined", 2014), written as sparse
vectors: a passage's weights times a query's term counts is `BM25Okapi.get_scores` for that passage.
"""

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import version

import mmh3
from kiwipiepy import Kiwi
from rank_bm25 import BM25Okapi

from server.domain import SparseVector

K1 = 1.5  # how fast repetition saturates
B = 0.75  # how much a long passage is discounted
EPSILON = 0.25  # where an idf is negative, this share of the average idf stands for it

# Nouns, verbs and adjectives, roots, foreign words, hanja, numbers, determiners and adverbs; regular and
# irregular conjugations alike (VV, VV-I). Particles and endings don't say what a text is about.
_CONTENT_TAGS = ("N", "V", "XR", "SL", "SH", "SN", "MM", "MA")
_RUN = re.compile(r"[가-힣a-z0-9]+")
_BIGRAM_MARK = "#"  # no content morpheme holds one, so "경기" the word and "#경기" the bigram stay apart


def terms_fingerprint() -> str:
    """Changes whenever the same text could get other terms or the same terms other weights."""
    return (
        f"morphemes+bigrams-2 kiwipiepy-{version('kiwipiepy')} "
        f"kiwipiepy_model-{version('kiwipiepy_model')} "
        f"rank-bm25-{version('rank-bm25')} k1={K1} b={B} epsilon={EPSILON}"
    )


class Terms:
    """Terms of a text: Kiwi's content morphemes, and the character bigrams of the text without its spaces.

    Morphemes match a word whatever its endings; bigrams match what people write without spaces or misspell.
    Spaces are dropped before bigrams are cut, so that "골 클리어런스" and "골클리어런스" share all of them.
    """

    def __init__(self, kiwi: Kiwi) -> None:
        self._kiwi = kiwi
        self.fingerprint = terms_fingerprint()

    def __call__(self, text: str) -> list[str]:
        """The terms of `text`, repeated as often as they occur."""
        text = unicodedata.normalize("NFC", text)
        morphemes = [
            token.form.lower() for token in self._kiwi.tokenize(text) if token.tag.startswith(_CONTENT_TAGS)
        ]
        return morphemes + _bigrams(text)


def _bigrams(text: str) -> list[str]:
    unspaced = "".join(text.lower().split())
    return [
        _BIGRAM_MARK + run[start : start + 2]
        for run in _RUN.findall(unspaced)
        for start in range(len(run) - 1)
    ]


class Bm25:
    """BM25 weights of a corpus' passages, fitted by rank-bm25.

    The fitted model keeps each passage's term counts, about 100 bytes a distinct term of a passage.
    """

    def __init__(self, okapi: BM25Okapi | None) -> None:
        """Wrap a fitted model; None stands for a corpus in which no passage has a term."""
        self._okapi = okapi

    @classmethod
    def fit(cls, passages: Iterable[Sequence[str]]) -> "Bm25":
        """Count the terms of all passages. The iterable is read once; its lists may be dropped as it goes."""
        # The same term stands in many passages; interned, they all share one string.
        interned = (list(map(sys.intern, terms)) for terms in passages)
        try:
            return cls(BM25Okapi(interned, k1=K1, b=B, epsilon=EPSILON))
        except ZeroDivisionError:  # rank-bm25 averages over passages and over terms, and there are none
            return cls(None)

    def passage_weights(self, number: int) -> SparseVector:
        """Weights of the terms of the passage that came as `number` (from 0): idf times saturated count.

        An idf is 0 for a term in exactly half of the passages; such a term scores nothing and is left
        out, so that it alone doesn't make a passage a candidate. Where the floor itself is negative (most
        terms stand in most passages of a tiny corpus) weights are negative, as rank-bm25's scores are.
        """
        okapi = self._okapi
        if okapi is None:
            return _sparse({})
        norm = K1 * (1 - B + B * okapi.doc_len[number] / okapi.avgdl)
        weights: dict[str, float] = {}
        for term, count in okapi.doc_freqs[number].items():
            weight = okapi.idf[term] * count * (K1 + 1) / (count + norm)
            if weight:
                weights[term] = weight
        return _sparse(weights)


def query_vector(terms: Iterable[str]) -> SparseVector:
    """A query's terms as their counts, which is how often `BM25Okapi.get_scores` adds each of them."""
    return _sparse(Counter(terms))


def _sparse(weights: dict[str, float] | Counter[str]) -> SparseVector:
    """Terms under their unsigned 32-bit MurmurHash3 (x86, seed 0), stable across processes and machines.

    Weights of terms that share a hash are added: among 100,000 distinct terms about one pair does, and then
    counts as one term.
    """
    hashed: dict[int, float] = {}
    for term, weight in weights.items():
        index = mmh3.hash(term, signed=False)
        hashed[index] = hashed.get(index, 0.0) + weight
    indices = sorted(hashed)
    return SparseVector(tuple(indices), tuple(float(hashed[index]) for index in indices))
