"""`futfut eval` measures the search that is served, on an index of its own."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from kiwipiepy import Kiwi

from server.cli import eval as cli_eval
from server.documents import Chunker, Sizes
from server.domain import HybridQuery
from server.evaluate.recording import RecordingIndex
from server.index import EdgeIndex, build
from server.lexical import Terms

QUESTIONS = [
    ("plain", "rules", "풋살공은 몇 호를 쓰나요?", [{"source": "ball.md", "heading": "몇 호 공인가요"}]),
    ("keyword", "faq", "환불 기간", [{"source": "faq.csv", "row": 2}]),
    ("plain", "rules", "없는 곳을 가리키는 질문", [{"source": "faq.csv", "row": 7}]),
    ("casual", "none", "김치찌개 끓이는 법", []),
]


class Letters:
    """An encoder that counts characters into 32 bins; it remembers how many passages it has embedded."""

    fingerprint = "letters-32"
    dimensions = 32
    max_tokens = 512

    def __init__(self) -> None:
        self.embedded = 0

    def embed_query(self, text: str) -> tuple[float, ...]:
        """Embed one text."""
        bins = [1e-3] * self.dimensions
        for character in text:
            bins[hashlib.sha256(character.encode()).digest()[0] % self.dimensions] += 1
        norm = math.hypot(*bins)
        return tuple(value / norm for value in bins)

    def embed_passages(self, texts: Sequence[str]) -> Iterator[tuple[float, ...]]:
        """Embed texts in order."""
        for text in texts:
            self.embedded += 1
            yield self.embed_query(text)

    def count_tokens(self, text: str) -> int:
        """Count characters."""
        return len(text)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "ball.md").write_text(
        "# 공\n\n## 몇 호 공인가요\n풋살에는 4호 공을 씁니다.\n\n## 얼마나 튀나요\n덜 튀는 공입니다.\n",
        encoding="utf-8",
    )
    (folder / "faq.csv").write_text(
        "질문,답변\n예약은 어떻게 하나요?,날짜를 고르고 결제합니다.\n환불은 언제 되나요?,사흘 안에 됩니다.\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "set.jsonl"
    path.write_text(
        "".join(
            json.dumps({"id": f"q-{n}", "question": text, "kind": kind, "style": style, "answers": answers})
            + "\n"
            for n, (style, kind, text, answers) in enumerate(QUESTIONS, start=1)
        ),
        encoding="utf-8",
    )
    return path


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch, kiwi: Kiwi) -> Letters:
    """The encoder that the command opens instead of the real one."""
    opened = Letters()
    monkeypatch.setattr(cli_eval, "FastembedEmbedder", lambda *_, **__: opened)
    monkeypatch.setattr(cli_eval, "load_kiwi", lambda: kiwi)
    return opened


@pytest.fixture
def evaluate(corpus: Path, questions: Path, tmp_path: Path, embedder: Letters) -> Callable[..., Result]:
    """Run the command with further options."""
    del embedder

    def run(*options: str) -> Result:
        arguments = [str(questions), "--corpus", str(corpus), "--home", str(tmp_path / "home"), *options]
        return CliRunner().invoke(cli_eval.command, arguments, catch_exceptions=False)

    return run


def test_a_recording_index_keeps_what_it_publishes(corpus: Path, tmp_path: Path, kiwi: Kiwi) -> None:
    """All points are at hand, and the index behind it holds as many and finds them."""
    embedder, terms = Letters(), Terms(kiwi)
    index = RecordingIndex(EdgeIndex(tmp_path / "index", compatible_with=None))
    build(
        corpus,
        index,
        folder=tmp_path / "vectors",
        chunker=Chunker(kiwi, embedder.count_tokens, Sizes(embedder.max_tokens)),
        embedder=embedder,
        terms=terms,
        progress=lambda *_: None,
    )
    manifest = index.manifest()
    assert manifest is not None
    assert manifest.passages == len(index.points) == 4
    wanted = index.points[0]
    query = HybridQuery(wanted.dense[0], wanted.sparse, 1, 4, dense_weight=1, lexical_weight=1, rrf_k=60)
    assert [hit.passage for hit in index.search(query)] == [wanted.passage]


def test_eval_embeds_only_what_is_new(
    evaluate: Callable[..., Result], embedder: Letters, corpus: Path
) -> None:
    """Measuring again costs no embedding of what hasn't changed."""
    evaluate("--no-baseline")
    assert embedder.embedded == 6  # four passages, and the questions of the two rows by themselves
    (corpus / "faq.csv").write_text(
        "질문,답변\n예약은 어떻게 하나요?,날짜를 고르고 결제합니다.\n주차는요?,열 대까지 됩니다.\n",
        encoding="utf-8",
    )
    evaluate("--no-baseline")
    assert embedder.embedded == 8


def test_eval_measures_and_writes(evaluate: Callable[..., Result], tmp_path: Path) -> None:
    """The command shows table and misses, names what is out of reach, and writes the JSON."""
    written = tmp_path / "figures.json"
    result = evaluate("--json", str(written), "--misses")
    assert result.exit_code == 0
    assert "point to: q-3" in result.stderr
    assert "q-3 (rules, plain): 없는 곳을 가리키는 질문" in result.stdout
    figures = json.loads(written.read_bytes())
    everything = figures["scores"][-1]
    assert everything["scores"]["n"] == 3
    assert everything["scores"]["hit_4"] == everything["baseline"]["hit_4"] == pytest.approx(2 / 3)
    assert not (tmp_path / "home" / "index").exists()


def test_eval_does_without_the_baseline(evaluate: Callable[..., Result]) -> None:
    """The baseline is left out when it isn't wanted."""
    result = evaluate("--no-baseline")
    assert "hit@4" in result.stdout
    assert "base" not in result.stdout
