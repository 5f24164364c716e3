"""A corpus indexed apart from what is served, so that measuring changes nothing for the players."""

from dataclasses import dataclass
from pathlib import Path

from server.documents.chunk import Chunker
from server.documents.corpus import read_corpus
from server.domain import Document, Passage
from server.index import EdgeIndex, Progress, build
from server.index.vectors import CACHE_FILE, VectorCache, text_key
from server.lexical import Terms
from server.protocols import Embedder


@dataclass(frozen=True, slots=True)
class Trial:
    """An index of the corpus, built as `futfut index` builds it, and all that is in it."""

    index: EdgeIndex
    passages: tuple[Passage, ...]
    vectors: tuple[tuple[float, ...], ...]


def build_trial(  # noqa: PLR0913 - all that an index is made from
    corpus: Path, folder: Path, *, chunker: Chunker, embedder: Embedder, terms: Terms, progress: Progress
) -> Trial:
    """Index the corpus in `folder`, doing again only what has changed since the last time.

    Raises:
        CorpusEmptyError: the corpus gives no passage.
        IndexBusyError: another process is building in `folder`.
    """
    index = EdgeIndex(folder, compatible_with=None)
    build(
        corpus,
        index,
        folder=folder,
        chunker=chunker,
        embedder=embedder,
        terms=terms,
        progress=progress,
    )
    documents = (found for found in read_corpus(corpus) if isinstance(found, Document))
    passages = tuple(passage for document in documents for passage in chunker.chunk(document))
    with VectorCache(folder / CACHE_FILE, encoder=embedder.fingerprint) as cache:
        vectors = cache.get([text_key(passage.indexed_text) for passage in passages])
    return Trial(index, passages, tuple(vectors))
