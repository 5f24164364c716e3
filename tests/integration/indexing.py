"""Stand-ins for what turns documents into points: fast, deterministic, and counting what they did."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from server.domain import Document, HybridQuery, Passage
from server.index import Compatibility, Report, Stage, build
from server.lexical import query_vector
from server.protocols import Index


class LineChunker:
    """A passage a line."""

    def __init__(self, fingerprint: str = "lines-1") -> None:
        self.fingerprint = fingerprint
        self.chunked: list[str] = []

    def chunk(self, document: Document) -> list[Passage]:
        """The document's lines; two equal lines of a block have one id."""
        self.chunked.append(document.source)
        return [
            Passage(
                id=str(uuid5(NAMESPACE_URL, f"{document.source}\n{line}")),
                source=document.source,
                title=block.title,
                locator=block.locator,
                text=line,
            )
            for block in document.blocks
            for line in filter(None, map(str.strip, block.text.splitlines()))
        ]

    def windows(self, passage: Passage) -> list[str]:
        """The parts of a line that slashes set apart."""
        parts = passage.text.split(" / ")
        return parts if len(parts) > 1 else []


class WordTerms:
    """A term a word."""

    def __init__(self, fingerprint: str = "words-1") -> None:
        self.fingerprint = fingerprint

    def __call__(self, text: str) -> list[str]:
        """The words."""
        return text.split()


class HashEmbedder:
    """Unit vectors drawn from a text's hash; `pause` seconds a text make it as slow as a model."""

    dimensions = 8
    max_tokens = 512

    def __init__(self, fingerprint: str = "hash-1", *, pause: float = 0.0) -> None:
        self.fingerprint = fingerprint
        self.embedded: list[str] = []
        self._pause = pause

    def embed_query(self, text: str) -> tuple[float, ...]:
        """The text's vector."""
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        vector = np.random.default_rng(seed).standard_normal(self.dimensions)
        return tuple((vector / np.linalg.norm(vector)).astype(np.float32).tolist())

    def embed_passages(self, texts: Sequence[str]) -> Iterator[tuple[float, ...]]:
        """The texts' vectors, in order."""
        for text in texts:
            time.sleep(self._pause)
            self.embedded.append(text)
            yield self.embed_query(text)

    def count_tokens(self, text: str) -> int:
        """Words."""
        return len(text.split())


COMPATIBLE = Compatibility(encoder="hash-1", terms="words-1")


def no_progress(stage: Stage, done: int, total: int | None) -> None:
    """Tell nobody."""


def build_lines(corpus: Path, index: Index, folder: Path, embedder: HashEmbedder | None = None) -> Report:
    """Build with stand-ins only."""
    return build(
        corpus,
        index,
        folder=folder,
        chunker=LineChunker(),
        embedder=embedder or HashEmbedder(),
        terms=WordTerms(),
        progress=no_progress,
    )


def ask(text: str, *, limit: int = 3) -> HybridQuery:
    """A question as the stand-ins see it."""
    return HybridQuery(
        dense=HashEmbedder().embed_query(text),
        sparse=query_vector(WordTerms()(text)),
        limit=limit,
        candidates=50,
        dense_weight=1.0,
        lexical_weight=1.0,
        rrf_k=60,
    )
