"""A folder of documents → a new generation of the index, doing again only what has changed."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

from server.documents.corpus import corpus_digest, read_corpus
from server.domain import Document, Examples, Fingerprint, Manifest, Passage, Point, Skipped
from server.errors import CorpusEmptyError, IndexDamagedError
from server.index.identity import generation_name
from server.index.lock import only_builder
from server.index.points import batched
from server.index.vectors import VectorCache, text_key
from server.lexical import Bm25
from server.protocols import Embedder, Index

_EMBED_BATCH = 64  # texts between two commits of the vector cache: what a kill can cost
_READ_BATCH = 256  # passages whose vectors are read from the cache at once

# Passages in their order, each with the texts that it has a vector of: the whole, then its windows.
_Views = dict[Passage, tuple[str, ...]]

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

    def windows(self, passage: Passage) -> Sequence[str]:
        """The stretches of a passage that get a vector of their own."""
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

    `embedded` vectors were computed, `reused` ones were known. `unchanged` says
    that the live generation was built from the same, and nothing was done.
    `examples` is content that an operator has yet to replace.
    """

    generation: str
    documents: int
    passages: int
    embedded: int
    reused: int
    skipped: tuple[Skipped, ...]
    examples: tuple[Examples, ...]
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
        fingerprint = fingerprint_of(
            corpus, chunker=chunker.fingerprint, terms=terms.fingerprint, encoder=embedder.fingerprint
        )
        if (live := built_from(fingerprint, index)) is not None:
            return _report(live, embedded=0, reused=0, started=started, unchanged=True)
        contents = _read(corpus, chunker, progress)
        manifest = Manifest(
            generation=generation_name(now := datetime.now(UTC)),
            fingerprint=fingerprint,
            passages=len(contents.views),
            documents=contents.documents,
            created=now.isoformat(timespec="seconds"),
            dimensions=embedder.dimensions,
            skipped=tuple(contents.skipped),
            examples=tuple(contents.examples),
        )
        views = contents.views
        bm25 = _fit(views, terms, progress)
        with VectorCache(folder / "vectors.sqlite", encoder=embedder.fingerprint) as vectors:
            embedded, reused = _embed(views, embedder, vectors, progress)
            index.publish(manifest, _points(views, bm25, vectors, progress))
            vectors.keep_only({text_key(text) for texts in views.values() for text in texts})
    return _report(manifest, embedded=embedded, reused=reused, started=started, unchanged=False)


def fingerprint_of(corpus: Path, *, chunker: str, terms: str, encoder: str) -> Fingerprint:
    """What an index of the corpus as it is now would be built from."""
    return Fingerprint(corpus_digest(corpus), chunker, terms, encoder)


def built_from(fingerprint: Fingerprint, index: Index) -> Manifest | None:
    """What is live, if it was built from just that; then nothing need be done or loaded."""
    try:
        live = index.manifest()
    except IndexDamagedError:  # a new generation is just what it needs
        return None
    return live if live is not None and live.fingerprint == fingerprint else None


def _report(manifest: Manifest, *, embedded: int, reused: int, started: float, unchanged: bool) -> Report:
    return Report(
        generation=manifest.generation,
        documents=manifest.documents,
        passages=manifest.passages,
        embedded=embedded,
        reused=reused,
        skipped=manifest.skipped,
        examples=manifest.examples,
        seconds=time.monotonic() - started,
        unchanged=unchanged,
    )


@dataclass(slots=True)
class _Contents:
    """What a corpus holds: so many documents, and what is to be embedded of each of their passages."""

    documents: int = 0
    views: _Views = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    examples: list[Examples] = field(default_factory=list)


def _read(corpus: Path, chunker: Chunks, progress: Progress) -> _Contents:
    contents = _Contents()
    for found in read_corpus(corpus):
        if isinstance(found, Skipped):
            contents.skipped.append(found)
            continue
        contents.documents += 1
        rows = sum(block.example for block in found.blocks)
        if found.example or rows:
            contents.examples.append(Examples(found.source, None if found.example else rows))
        for passage in chunker.chunk(found):
            contents.views[passage] = (passage.indexed_text, *chunker.windows(passage))
        progress("read", contents.documents, None)
    if not contents.views:
        raise CorpusEmptyError(corpus)
    return contents


def _fit(passages: Collection[Passage], terms: TermsOf, progress: Progress) -> Bm25:
    def terms_of_each() -> Iterator[list[str]]:
        for done, passage in enumerate(passages, start=1):
            yield terms(passage.indexed_text)
            progress("terms", done, len(passages))

    return Bm25.fit(terms_of_each())


def _embed(views: _Views, embedder: Embedder, vectors: VectorCache, progress: Progress) -> tuple[int, int]:
    """Compute the vectors that the cache doesn't have; returns how many those were, and how many it had."""
    known = vectors.known()
    wanted = {text_key(text): text for texts in views.values() for text in texts}
    missing = [(key, text) for key, text in wanted.items() if key not in known]
    done = 0
    for batch in batched(missing, _EMBED_BATCH):
        computed = embedder.embed_passages([text for _, text in batch])
        vectors.put((key, vector) for (key, _), vector in zip(batch, computed, strict=True))
        done += len(batch)
        progress("embed", done, len(missing))
    return len(missing), len(wanted) - len(missing)


def _points(views: _Views, bm25: Bm25, vectors: VectorCache, progress: Progress) -> Iterator[Point]:
    """All passages with all vectors, a batch at a time, so that they are never in memory together."""
    for batch in batched(enumerate(views.items()), _READ_BATCH):
        dense = iter(vectors.get([text_key(text) for _, (_, texts) in batch for text in texts]))
        for number, (passage, texts) in batch:
            yield Point(passage, tuple(islice(dense, len(texts))), bm25.passage_weights(number))
            progress("publish", number + 1, len(views))
