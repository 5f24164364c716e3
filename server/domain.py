"""The values that flow through the service, from a document on disk to an event on the wire.

Frozen dataclasses and the standard library only, so that every module may import this one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Role = Literal["system", "user", "assistant"]


# --- documents --------------------------------------------------------------------------------------------


class BlockKind(StrEnum):
    """How a block may be cut: prose between sentences, a row not at all unless it can't fit."""

    PROSE = "prose"
    ROW = "row"


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a document that one locator names: a table row, a section under a heading, a whole text.

    `title` is what a reader would call the block (a question, the deepest heading), `locator` where it stands
    (`row:12`, `heading:경기 시간 > 작전 타임`, `offset:0`), `headings` what it stands under, outermost
    first. An `example` shows what could stand there, and is to be replaced by what is true.
    """

    text: str
    title: str
    locator: str
    kind: BlockKind = BlockKind.PROSE
    headings: tuple[str, ...] = ()
    example: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """One file of the corpus, read. `source` is its path below the corpus folder, `/`-separated and NFC.

    All of it may be an `example`, or some of its blocks.
    """

    source: str
    title: str
    blocks: tuple[Block, ...]
    example: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """What is indexed, retrieved and cited: a few sentences or one table row.

    `text` is the passage's own text, `context` what it is indexed under besides (document title, headings).
    `id` is a UUID that depends on source, context and text alone (and, of exact duplicates, on which one), so
    that a passage keeps it while rows and sections come and go around it.
    """

    id: str
    source: str
    title: str
    locator: str
    text: str
    context: str = ""

    @property
    def indexed_text(self) -> str:
        """What terms and vectors are computed from: the context, then the text."""
        return f"{self.context}\n{self.text}" if self.context else self.text


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out of the index, and why."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Examples:
    """A file with content that is only an example: so many of its rows, or all of it (None)."""

    source: str
    rows: int | None


# --- retrieval --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Term weights: `indices` are 32-bit term hashes, ascending and distinct; `values` their weights."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A passage with its vectors, for both legs of a search.

    `dense` has one vector for the whole passage, then one for each of its windows (short stretches of its
    text). Each is L2-normalized and has the encoder's dimensions. A question is as near to the passage as it
    is to the nearest of them.
    """

    passage: Passage
    dense: tuple[tuple[float, ...], ...]
    sparse: SparseVector


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What an index was built from. Two indexes with equal fingerprints hold the same points.

    `corpus` is a digest of every file's path and bytes; the others name a version of code and of weights.
    """

    corpus: str
    chunker: str
    terms: str
    encoder: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The identity of one generation of the index, stored beside its points."""

    generation: str
    fingerprint: Fingerprint
    passages: int
    documents: int
    created: str
    dimensions: int
    skipped: tuple[Skipped, ...] = ()
    examples: tuple[Examples, ...] = ()


@dataclass(frozen=True, slots=True)
class HybridQuery:
    """One question as both legs see it, how many candidates each leg brings, and how their ranks are weighed.

    `filters` maps a passage field (`source`, `title`) to the values it may have; all fields must match.
    """

    dense: tuple[float, ...]
    sparse: SparseVector
    limit: int
    candidates: int
    dense_weight: float
    lexical_weight: float
    rrf_k: int
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found. Ranks count from 1; None where it isn't among that leg's candidates."""

    passage: Passage
    score: float
    lexical_rank: int | None
    dense_rank: int | None


# --- conversation -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is given. `tokens` counts all messages as the model's own template renders them.

    `used` are the passages that stand in the prompt, in the order of their numbers; `left_out` those that
    didn't fit; `dropped_turns` how many of the oldest history messages didn't.
    """

    messages: tuple[Message, ...]
    tokens: int
    used: tuple[Hit, ...]
    left_out: tuple[Hit, ...]
    dropped_turns: int = 0


FinishReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one generation, as the engine reports them."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of generated text, in order; pieces may cut a word anywhere, never a code point."""

    text: str


@dataclass(frozen=True, slots=True)
class Loading:
    """The model isn't in memory and is being loaded; the first word takes as long as that does."""

    model: str


Mode = Literal["model", "extractive"]


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a generation, yielded exactly once and last; `mode` says what made the text."""

    reason: FinishReason
    usage: Usage
    mode: Mode = "model"


GenerationEvent = Loading | TextDelta | Finished


# --- what a client is told --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Queued:
    """The question waits for its turn; `place` counts from 1, which is the next to be answered."""

    place: int


@dataclass(frozen=True, slots=True)
class Sources:
    """The passages that the answer is made from, before its first word."""

    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer, as the player reads it."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The end of an answer. Timings are in milliseconds since the question arrived."""

    reason: FinishReason
    usage: Usage
    mode: Mode
    timings: Mapping[str, float]
    left_out: tuple[Hit, ...]


ChatEvent = Queued | Loading | Sources | Token | Done
