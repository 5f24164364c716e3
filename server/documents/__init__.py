"""Documents → passages: one reader a format, and the chunker that makes passages fit the encoder."""

from server.documents.chunk import Chunker, Sizes
from server.documents.corpus import corpus_digest, read_corpus
from server.documents.reading import read_document

__all__ = ["Chunker", "Sizes", "corpus_digest", "read_corpus", "read_document"]
