"""How much is measured: sizes and repetitions."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes of one run.

    `answer_tokens` bounds each answer. `cell_seconds` is how long one contender may take to search, and local
    mode to load: then what has been measured counts, or nothing is. `reference` is what llama.cpp's own
    converter runs on: an interpreter, and llama.cpp's tree.
    """

    search_sizes: tuple[int, ...]
    questions: int
    cell_seconds: float
    ingest_rounds: int
    ingest_passages: int
    reindex_files: int
    reindex_passages_each: int
    reindex_rounds: int
    starts: int
    chat_questions: int
    answer_tokens: int
    convert_weights: float
    reference: tuple[Path, Path] | None = None


FULL = Scale(
    search_sizes=(1_000, 10_000, 100_000),
    questions=40,
    cell_seconds=20,
    ingest_rounds=5,
    ingest_passages=128,
    reindex_files=40,
    reindex_passages_each=10,
    reindex_rounds=3,
    starts=5,
    chat_questions=5,
    answer_tokens=128,
    convert_weights=1e9,
)

QUICK = Scale(
    search_sizes=(1_000,),
    questions=20,
    cell_seconds=5,
    ingest_rounds=2,
    ingest_passages=32,
    reindex_files=6,
    reindex_passages_each=8,
    reindex_rounds=1,
    starts=1,
    chat_questions=2,
    answer_tokens=32,
    convert_weights=100e6,
)
