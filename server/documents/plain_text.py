"""Plain text: one block; where to cut it is the chunker's affair."""

from server.domain import Block, Document


def read_plain_text(text: str, source: str, title: str) -> Document:
    """The whole file as one block of prose."""
    return Document(source, title, (Block(text, title, "offset:0"),))
