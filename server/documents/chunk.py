"""Documents to passages that fit the encoder, cut where a reader would cut them."""

import importlib.metadata
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from kiwipiepy import Kiwi

from server.documents.naming import file_title
from server.documents.packing import fitting_units, merge_small, pack, tidy, trim
from server.documents.sentences import Span, split_sentences
from server.documents.windows import windows
from server.domain import Block, BlockKind, Document, Passage

VERSION = 6  # of the readers and the chunker: raise it when either makes other passages of the same files
MIN_MAX_TOKENS = 64
CONTEXT_SHARE = 3  # the context takes at most one in so many tokens
SEPARATOR = " > "
OFFSET = "offset:"
NAMESPACE = uuid.UUID("6f1d3c52-6a0b-5d0c-9a39-0b7c1f0e4a57")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How long passages become; the defaults are what found most answers.

    Attributes:
        max_tokens: the encoder's limit, at least 64; each passage with its context stays within it.
        target_chars: how long a passage of several sentences may become.
        window_chars: how long a window of several sentences may become.
        overlap_sentences: how many sentences a passage repeats of the one before, where they fit.

    Raises:
        ValueError: `max_tokens` leaves no room to work in.
    """

    max_tokens: int
    target_chars: int = 500
    window_chars: int = 100
    overlap_sentences: int = 0

    def __post_init__(self) -> None:
        if self.max_tokens < MIN_MAX_TOKENS:
            raise ValueError(f"max_tokens is {self.max_tokens}; passages need at least {MIN_MAX_TOKENS}")

    @property
    def fingerprint(self) -> str:
        """Names everything but the documents and the tokenizer that decides where passages begin and end."""
        kiwi = importlib.metadata.version("kiwipiepy")
        sizes = ";".join(f"{size.name}={getattr(self, size.name)}" for size in fields(self))
        return f"chunker-{VERSION};kiwi={kiwi};{sizes}"


class Chunker:
    """Cuts documents into passages of the given sizes.

    Prose is packed sentence by sentence up to `target_chars`; a sentence over that stays whole as long as it
    fits. Table rows, tables and code stay whole if they fit, else they are cut like prose. Nothing of a text
    is lost or corrected, only runs of white space are collapsed and invisible characters dropped.

    Args:
        kiwi: finds the ends of Korean sentences.
        count_tokens: what a text takes of `max_tokens`, the encoder's own marks included.
        sizes: how long passages become.
    """

    def __init__(self, kiwi: Kiwi, count_tokens: Callable[[str], int], sizes: Sizes) -> None:
        self._kiwi = kiwi
        self._count_tokens = count_tokens
        self._sizes = sizes

    @property
    def fingerprint(self) -> str:
        """As that of its sizes."""
        return self._sizes.fingerprint

    def chunk(self, document: Document) -> list[Passage]:
        """The document's passages, in its order, with distinct ids and locators."""
        passages: list[Passage] = []
        pieces_of: Counter[str] = Counter()
        copies_of: Counter[tuple[str, str]] = Counter()
        for block in document.blocks:
            heading = self._heading(document, block)
            for span in self._cut(block, heading):
                text = tidy(block.text[slice(*span)])
                context = _context(heading, text)
                pieces_of[block.locator] += 1
                copies_of[context, text] += 1
                passages.append(
                    Passage(
                        id=_passage_id(document.source, context, text, copies_of[context, text]),
                        source=document.source,
                        title=block.title,
                        locator=_locator(block, span, pieces_of[block.locator]),
                        text=text,
                        context=context,
                    )
                )
        return passages

    def windows(self, passage: Passage) -> list[str]:
        """The stretches of a passage that are embedded beside the whole of it."""
        return windows(self._kiwi, passage, target_chars=self._sizes.window_chars)

    def _heading(self, document: Document, block: Block) -> tuple[str, ...]:
        """What the block's passages may carry as context, outermost first, within its share of the tokens."""
        parts = dict.fromkeys(tidy(part) for part in (document.title, *block.headings, block.title))
        if block.kind is BlockKind.PROSE:
            # A file's bare name tells a row what table it is from, but makes passages of prose alike to
            # the encoder: it cost questions on the rules five points of hit@4.
            parts.pop(file_title(document.source), None)
        heading = [part for part in parts if part]
        while (
            heading and self._count_tokens(SEPARATOR.join(heading)) > self._sizes.max_tokens // CONTEXT_SHARE
        ):
            # The nearest heading says most: the outer ones go first, and it is cut only when it is alone.
            heading = heading[1:] or [half for half in [heading[0][: len(heading[0]) // 2].rstrip()] if half]
        return tuple(heading)

    def _cut(self, block: Block, heading: Sequence[str]) -> list[Span]:
        """The spans of the block's text that become passages; none of them is blank."""

        def fits(piece: str) -> bool:
            own = tidy(piece)
            indexed = Passage("", "", "", "", own, _context(heading, own)).indexed_text
            return self._count_tokens(indexed) <= self._sizes.max_tokens

        text, target = block.text, self._sizes.target_chars
        spans = [(0, len(text))]
        if not ((block.kind is BlockKind.ROW or len(tidy(text)) <= target) and fits(text)):
            sentences = split_sentences(self._kiwi, text)
            units = [unit for sentence in sentences for unit in fitting_units(text, sentence, fits, target)]
            spans = pack(text, units, fits, target_chars=target, overlap=self._sizes.overlap_sentences)
            spans = merge_small(text, spans, fits, target)
        return [trimmed for span in spans if (trimmed := trim(text, span))]


def _context(heading: Sequence[str], text: str) -> str:
    """The parts of the heading that say something which the text doesn't."""
    return SEPARATOR.join(
        part for part in heading if any(word not in text for word in part.rstrip("…").split())
    )


def _locator(block: Block, span: Span, piece: int) -> str:
    """Offsets in the file for text that has them, else the block's place, with `#2` for its second piece."""
    if block.locator.startswith(OFFSET):
        base = int(block.locator.removeprefix(OFFSET))
        return f"{OFFSET}{base + span[0]}-{base + span[1]}"
    return block.locator if piece == 1 else f"{block.locator}#{piece}"


def _passage_id(source: str, context: str, text: str, copy: int) -> str:
    return str(uuid.uuid5(NAMESPACE, "\x1f".join((source, context, text, str(copy)))))
