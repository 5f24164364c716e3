"""A folder of documents → a new generation of the index, doing again only what has changed."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from server.documents.corpus import corpus_digest, read_corpus
from server.domain import Document, Fingerprint, Manifest, Passage, Point, Skipped
from server.errors import CorpusEmptyError, IndexDamagedError
from server.index.identity import generation_name
from server.index.lock import only_builder
from server.index.points import batched
from server.index.vectors import VectorCache, text_key
from server.lexical import Bm25
from server.protocols import Embedder, Index

_EMBED_BATCH = 64  # texts between two commits of the vector cache: what a kill can cost
_READ_BATCH = 512  # vectors read from the cache at once

Stage = Literal["read", "terms", "embed", "publish"]


# Told how far a stage is: the stage, how much is done, and of how much (None while that isn't known).
Progress = Callable[[Stage, int, int | None], None]


class Chunks(Protocol):
    """Documents to passages, as `server.documents.chunk.Chunker` makes them."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever a document would be cut into other passages."""
        ...

    def chunk(self, document: Document) -> Sequence[Passage]:
        """The document's passages, in its order."""
        ...


class TermsOf(Protocol):
    """Text to terms, as `server.lexical.Terms` makes them."""

    fingerprint: str

    def __call__(self, text: str) -> list[str]:
        """The terms of `text`, repeated as often as they occur."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """What a build did.

    `embedded` texts went through the encoder; `reused` passages had their vector already. `unchanged` says
    that the live generation was built from the same, and nothing was done.
    """

    generation: str
    documents: int
    passages: int
    embedded: int
    reused: int
    skipped: tuple[Skipped, ...]
    seconds: float
    unchanged: bool


def build(  # noqa: PLR0913 - all that an index is made from
    corpus: Path,
    index: Index,
    *,
    folder: Path,
    chunker: Chunks,
    embedder: Embedder,
    terms: TermsOf,
    progress: Progress,
) -> Report:
    """Bring the index up to date with a corpus.

    Killed at any moment, it leaves the live generation as it was and the vectors computed so far in the
    cache.

    Args:
        corpus: the documents' folder.
        index: where to publish.
        folder: where the builders' lock and the vector cache are, also when the index is on a server.
        chunker: makes the passages.
        embedder: makes their vectors.
        terms: makes their terms.
        progress: told how far it is.

    Raises:
        CorpusEmptyError: the corpus gives no passage.
        IndexBusyError: another process is building with the same `folder`.
        IndexDamagedError, IndexUnreachableError: the new generation couldn't be written.
    """
    started = time.monotonic()
    with only_builder(folder / "lock"):
        fingerprint = Fingerprint(
            corpus_digest(corpus), chunker.fingerprint, terms.fingerprint, embedder.fingerprint
        )
        live = _live(index)
        if live is not None and live.fingerprint == fingerprint:
            return _report(live, embedded=0, started=started, unchanged=True)
        documents, passages, skipped = _read(corpus, chunker, progress)
        manifest = Manifest(
            generation=generation_name(now := datetime.now(UTC)),
            fingerprint=fingerprint,
            passages=len(passages),
            documents=documents,
            created=now.isoformat(timespec="seconds"),
            dimensions=embedder.dimensions,
            skipped=skipped,
        )
        bm25 = _fit(passages, terms, progress)
        with VectorCache(folder / "vectors.sqlite", encoder=embedder.fingerprint) as vectors:
            embedded = _embed(passages, embedder, vectors, progress)
            index.publish(manifest, _points(passages, bm25, vectors, progress))
            vectors.keep_only({text_key(passage.indexed_text) for passage in passages})
    return _report(manifest, embedded=embedded, started=started, unchanged=False)


def _live(index: Index) -> Manifest | None:
    try:
        return index.manifest()
    except IndexDamagedError:  # a new generation is just what it needs
        return None


def _report(manifest: Manifest, *, embedded: int, started: float, unchanged: bool) -> Report:
    return Report(
        generation=manifest.generation,
        documents=manifest.documents,
        passages=manifest.passages,
        embedded=embedded,
        reused=manifest.passages - embedded,
        skipped=manifest.skipped,
        seconds=time.monotonic() - started,
        unchanged=unchanged,
    )


def _read(
    corpus: Path, chunker: Chunks, progress: Progress
) -> tuple[int, list[Passage], tuple[Skipped, ...]]:
    """Documents read, their passages (a passage that occurs twice in one place is one), files left out."""
    documents = 0
    passages: dict[str, Passage] = {}
    skipped: list[Skipped] = []
    for found in read_corpus(corpus):
        if isinstance(found, Skipped):
            skipped.append(found)
            continue
        documents += 1
        for passage in chunker.chunk(found):
            passages.setdefault(passage.id, passage)
        progress("read", documents, None)
    if not passages:
        raise CorpusEmptyError(corpus)
    return documents, list(passages.values()), tuple(skipped)


def _fit(passages: Sequence[Passage], terms: TermsOf, progress: Progress) -> Bm25:
    def terms_of_each() -> Iterator[list[str]]:
        for done, passage in enumerate(passages, start=1):
            yield terms(passage.indexed_text)
            progress("terms", done, len(passages))

    return Bm25.fit(terms_of_each())


def _embed(passages: Sequence[Passage], embedder: Embedder, vectors: VectorCache, progress: Progress) -> int:
    """Compute the vectors that the cache doesn't have; returns how many."""
    known = vectors.known()
    wanted = {text_key(passage.indexed_text): passage.indexed_text for passage in passages}
    missing = [(key, text) for key, text in wanted.items() if key not in known]
    done = 0
    for batch in batched(missing, _EMBED_BATCH):
        computed = embedder.embed_passages([text for _, text in batch])
        vectors.put((key, vector) for (key, _), vector in zip(batch, computed, strict=True))
        done += len(batch)
        progress("embed", done, len(missing))
    return len(missing)


def _points(
    passages: Sequence[Passage], bm25: Bm25, vectors: VectorCache, progress: Progress
) -> Iterator[Point]:
    """All passages with both vectors, a batch at a time, so that they are never in memory together."""
    for batch in batched(enumerate(passages), _READ_BATCH):
        dense = vectors.get([text_key(passage.indexed_text) for _, passage in batch])
        for (number, passage), vector in zip(batch, dense, strict=True):
            yield Point(passage, vector, bm25.passage_weights(number))
            progress("publish", number + 1, len(passages))
