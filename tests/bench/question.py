"""What comes before a search: a question's vector and its terms."""

import json
from collections.abc import Iterator
from pathlib import Path

from server.analyzer import load_kiwi
from server.dense import FastembedEmbedder
from server.lexical import Terms
from server.settings import Settings
from tests.bench.home import check_models, encoder_folder
from tests.bench.scale import Scale
from tests.bench.table import Row
from tests.bench.timing import medians

_FILE = Path(__file__).parents[1] / "eval" / "handbook.jsonl"


def read_questions(count: int) -> list[str]:
    """The first questions of our own evaluation set, as people type them."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()[:count]
    return [json.loads(line)["question"] for line in lines]


def measure(scale: Scale, settings: Settings) -> Iterator[Row]:
    """A row for the vector and one for the terms, which the rows of the search leave out."""
    check_models(settings, model=False)
    questions = read_questions(scale.questions)
    terms = Terms(load_kiwi())
    embedder = FastembedEmbedder(encoder_folder(settings), threads=settings.threads)
    embedder.embed_query(questions[0])
    taken = medians(
        len(questions),
        {
            "vector": lambda number: embedder.embed_query(questions[number]),
            "terms": lambda number: terms(questions[number]),
        },
    )
    for part, seconds in taken.items():
        yield Row(f"question: {part}", "1 question", seconds)
