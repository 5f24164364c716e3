"""Korean passages in any number: sentences of our own corpus, drawn and put together anew.

The same seed gives the same passages, as long as corpus/ is the same.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

from server.documents.corpus import read_corpus
from server.domain import Document

CORPUS = Path(__file__).parents[2] / "corpus"
_SENTENCES = 4  # in a passage: about 140 characters, as the passages of real corpora have on average
_SHORTEST = 15  # characters: below it, headings and list marks
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+|\n+")


def corpus_sentences() -> list[str]:
    """The distinct sentences of corpus/, in its order."""
    found = (
        sentence.strip(" -*|>")
        for document in read_corpus(CORPUS)
        if isinstance(document, Document)
        for block in document.blocks
        for sentence in _SENTENCE_END.split(block.text)
    )
    return list(dict.fromkeys(sentence for sentence in found if len(sentence) >= _SHORTEST))


def drawn(passages: int, sentences: int, *, seed: int) -> Iterator[list[int]]:
    """For each passage, the numbers of the sentences that it is made of."""
    random = Random(seed)  # noqa: S311 - repeatable is the point
    for _ in range(passages):
        yield random.sample(range(sentences), _SENTENCES)


def write_document(path: Path, *, passages: int, seed: int) -> None:
    """Write a Markdown file of short sections, each of which becomes one passage."""
    sentences = corpus_sentences()
    sections = (
        f"## {path.stem}번 글, {number}째\n\n{' '.join(sentences[one] for one in chosen)}\n"
        for number, chosen in enumerate(drawn(passages, len(sentences), seed=seed), start=1)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(sections), encoding="utf-8")
