"""Evaluation builds its own index, and measures the search that is served on all of the corpus."""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from kiwipiepy import Kiwi

from server.cli import eval as cli_eval
from server.documents.chunk import Chunker
from server.errors import CorpusEmptyError
from server.evaluate.trial import Trial, build_trial
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


def built(corpus: Path, folder: Path, embedder: Letters, kiwi: Kiwi) -> Trial:
    """Build a trial."""
    return build_trial(
        corpus,
        folder,
        chunker=Chunker(kiwi, embedder.count_tokens, max_tokens=embedder.max_tokens),
        embedder=embedder,
        terms=Terms(kiwi),
        progress=lambda *_: None,
    )


def test_a_trial_holds_the_index_and_its_passages(corpus: Path, tmp_path: Path, kiwi: Kiwi) -> None:
    """The passages and vectors handed to the baseline are those in the index."""
    embedder = Letters()
    trial = built(corpus, tmp_path / "eval", embedder, kiwi)
    manifest = trial.index.manifest()
    assert manifest is not None
    assert manifest.passages == len(trial.passages) == len(trial.vectors) == 4
    for passage, vector in zip(trial.passages, trial.vectors, strict=True):
        assert vector == pytest.approx(embedder.embed_query(passage.indexed_text), abs=1e-6)


def test_a_second_trial_embeds_only_what_is_new(corpus: Path, tmp_path: Path, kiwi: Kiwi) -> None:
    """Measuring again costs no embedding of what hasn't changed."""
    built(corpus, tmp_path / "eval", Letters(), kiwi)
    (corpus / "faq.csv").write_text(
        "질문,답변\n예약은 어떻게 하나요?,날짜를 고르고 결제합니다.\n주차는요?,열 대까지 됩니다.\n",
        encoding="utf-8",
    )
    again = Letters()
    assert len(built(corpus, tmp_path / "eval", again, kiwi).passages) == 4
    assert again.embedded == 1


def test_an_empty_corpus_is_refused(tmp_path: Path, kiwi: Kiwi) -> None:
    """Nothing indexed is nothing measured."""
    with pytest.raises(CorpusEmptyError):
        built(tmp_path / "nowhere", tmp_path / "eval", Letters(), kiwi)


def test_eval_measures_and_writes(
    corpus: Path, questions: Path, tmp_path: Path, kiwi: Kiwi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command shows table and misses, names what is out of reach, and writes the JSON."""
    monkeypatch.setattr(cli_eval, "FastembedEmbedder", lambda *_, **__: Letters())
    monkeypatch.setattr(cli_eval, "load_kiwi", lambda: kiwi)
    written = tmp_path / "figures.json"
    home = tmp_path / "home"
    result = CliRunner().invoke(
        cli_eval.command,
        [str(questions), "--corpus", str(corpus), "--home", str(home), "--json", str(written), "--misses"],
        catch_exceptions=False,
    )
    assert result.exit_code == 0
    assert "point to: q-3" in result.output
    assert "q-3 (rules, plain): 없는 곳을 가리키는 질문" in result.output
    figures = json.loads(written.read_bytes())
    everything = figures["scores"][-1]
    assert everything["scores"]["n"] == 3
    assert everything["scores"]["hit_4"] == everything["baseline"]["hit_4"] == pytest.approx(2 / 3)
    assert not (home / "index").exists()


def test_eval_does_without_the_baseline(
    corpus: Path, questions: Path, tmp_path: Path, kiwi: Kiwi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The baseline is left out when it isn't wanted."""
    monkeypatch.setattr(cli_eval, "FastembedEmbedder", lambda *_, **__: Letters())
    monkeypatch.setattr(cli_eval, "load_kiwi", lambda: kiwi)
    result = CliRunner().invoke(
        cli_eval.command,
        [str(questions), "--corpus", str(corpus), "--home", str(tmp_path / "home"), "--no-baseline"],
        catch_exceptions=False,
    )
    assert "hit@4" in result.output
    assert "baseline" not in result.output
