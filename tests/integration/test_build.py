"""From a folder of documents to an index, again and again."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from server.errors import CorpusEmptyError, IndexBusyError
from server.index import EdgeIndex, Stage, build
from server.index.lock import only_builder
from tests.integration.indexing import (
    COMPATIBLE,
    HashEmbedder,
    LineChunker,
    WordTerms,
    ask,
    build_lines,
    no_progress,
)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "규칙.txt").write_text(
        "킥인은 4초 안에 찬다\n\n골키퍼는 4초까지 공을 가진다\n", encoding="utf-8"
    )
    (folder / "용품.txt").write_text("풋살화는 밑창이 평평하다\n", encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def index(folder: Path) -> Iterator[EdgeIndex]:
    index = EdgeIndex(folder, compatible_with=COMPATIBLE)
    yield index
    index.close()


def test_first_build(corpus: Path, folder: Path, index: EdgeIndex) -> None:
    """All documents are read, all passages embedded, and a question finds its passage in both legs."""
    (corpus / "망가짐.txt").write_bytes(b"\x00\x01\x02")
    report = build_lines(corpus, index, folder)
    assert (report.documents, report.passages, report.embedded, report.reused) == (2, 3, 3, 0)
    assert [skipped.source for skipped in report.skipped] == ["망가짐.txt"]
    assert not report.unchanged
    manifest = index.manifest()
    assert manifest is not None
    assert (manifest.generation, manifest.skipped) == (report.generation, report.skipped)
    best = index.search(ask("풋살화는 밑창이 평평하다"))[0]
    assert best.passage.text == "풋살화는 밑창이 평평하다"
    assert (best.lexical_rank, best.dense_rank) == (1, 1)


def test_nothing_is_done_again(corpus: Path, folder: Path, index: EdgeIndex) -> None:
    """With the same files and the same code nothing is read or chunked, and the generation stays."""
    first = build_lines(corpus, index, folder)
    chunker, embedder = LineChunker(), HashEmbedder()
    again = build(
        corpus,
        index,
        folder=folder,
        chunker=chunker,
        embedder=embedder,
        terms=WordTerms(),
        progress=no_progress,
    )
    assert again.unchanged
    assert (again.generation, again.passages, again.embedded) == (first.generation, 3, 0)
    assert (chunker.chunked, embedder.embedded) == ([], [])


def test_only_new_passages_are_embedded(corpus: Path, folder: Path, index: EdgeIndex) -> None:
    """After a change, unchanged passages keep id and vector; what is gone isn't found and isn't kept."""
    build_lines(corpus, index, folder)
    before = {hit.passage.text: hit.passage.id for hit in index.search(ask("4초"))}
    (corpus / "규칙.txt").write_text(
        "골키퍼는 4초까지 공을 가진다\n퇴장하면 2분 동안 한 명이 적다\n", encoding="utf-8"
    )
    embedder = HashEmbedder()
    report = build_lines(corpus, index, folder, embedder)
    assert (report.passages, report.embedded, report.reused) == (3, 1, 2)
    assert embedder.embedded == ["퇴장하면 2분 동안 한 명이 적다"]
    after = {hit.passage.text: hit.passage.id for hit in index.search(ask("4초"))}
    kept = "골키퍼는 4초까지 공을 가진다"
    assert after[kept] == before[kept]
    assert "킥인은 4초 안에 찬다" not in after
    (corpus / "규칙.txt").write_text("킥인은 4초 안에 찬다\n", encoding="utf-8")
    assert build_lines(corpus, index, folder).embedded == 1


@pytest.mark.parametrize("part", ["chunker", "terms", "encoder"])
def test_new_code_builds_anew(corpus: Path, folder: Path, part: str) -> None:
    """With another chunker, other terms or another encoder the same files give a new generation."""
    index = EdgeIndex(folder, compatible_with=None)
    first = build_lines(corpus, index, folder)
    embedder = HashEmbedder("hash-2" if part == "encoder" else "hash-1")
    report = build(
        corpus,
        index,
        folder=folder,
        chunker=LineChunker("lines-2" if part == "chunker" else "lines-1"),
        embedder=embedder,
        terms=WordTerms("words-2" if part == "terms" else "words-1"),
        progress=no_progress,
    )
    assert not report.unchanged
    assert report.generation > first.generation
    assert len(embedder.embedded) == (3 if part == "encoder" else 0)


def test_a_window_finds_its_passage(corpus: Path, folder: Path, index: EdgeIndex) -> None:
    """What stands in a window alone finds the whole passage, once; each window is embedded once."""
    windows = ["골키퍼는 4초까지 공을 가진다", "킥인은 4초 안에 찬다", "풋살화는 밑창이 평평하다"]
    (corpus / "모음.txt").write_text(" / ".join(windows), encoding="utf-8")
    report = build_lines(corpus, index, folder)
    assert (report.passages, report.embedded) == (4, 4)  # the three lines are windows of the fourth, too
    found = [hit.passage.text for hit in index.search(ask("풋살화는 밑창이 평평하다"))]
    assert set(found[:2]) == {windows[2], " / ".join(windows)}
    assert len(found) == len(set(found))


def test_repeated_passages_are_one(corpus: Path, folder: Path, index: EdgeIndex) -> None:
    """A passage that comes twice with one id is indexed once; one text in two files is embedded once."""
    (corpus / "규칙.txt").write_text("같은 줄\n같은 줄\n", encoding="utf-8")
    (corpus / "용품.txt").write_text("같은 줄\n", encoding="utf-8")
    report = build_lines(corpus, index, folder)
    assert (report.passages, report.embedded) == (2, 1)
    assert {hit.passage.source for hit in index.search(ask("같은 줄"))} == {"규칙.txt", "용품.txt"}


@pytest.mark.parametrize("content", [None, "\n \n"], ids=["no file", "blank file"])
def test_empty_corpus(tmp_path: Path, folder: Path, index: EdgeIndex, content: str | None) -> None:
    """A corpus without a passage is refused, and what was live stays."""
    empty = tmp_path / "empty"
    empty.mkdir()
    if content is not None:
        (empty / "빈 글.txt").write_text(content, encoding="utf-8")
    with pytest.raises(CorpusEmptyError):
        build_lines(empty, index, folder)
    assert index.manifest() is None


def test_one_builder_at_a_time(corpus: Path, folder: Path, index: EdgeIndex) -> None:
    """While another builder is at work a build is refused."""
    with only_builder(folder / "lock"), pytest.raises(IndexBusyError):
        build_lines(corpus, index, folder)
    assert not build_lines(corpus, index, folder).unchanged


class Breaking(HashEmbedder):
    """Fails after some texts."""

    def embed_passages(self, texts: Sequence[str]) -> Iterator[tuple[float, ...]]:
        """The texts' vectors, until it breaks."""
        for text, vector in zip(texts, super().embed_passages(texts), strict=True):
            if text == "70번째 줄":
                raise RuntimeError("broken encoder")
            yield vector


def test_broken_off_build_goes_on_where_it_stopped(corpus: Path, folder: Path, index: EdgeIndex) -> None:
    """Vectors computed before a build broke off aren't computed again."""
    (corpus / "긴 글.txt").write_text("\n".join(f"{i}번째 줄" for i in range(100)), encoding="utf-8")
    with pytest.raises(RuntimeError, match="broken encoder"):
        build_lines(corpus, index, folder, Breaking())
    assert index.manifest() is None
    report = build_lines(corpus, index, folder)
    assert (report.passages, report.embedded, report.reused) == (103, 39, 64)


def test_damaged_index_is_built_anew(corpus: Path, folder: Path, index: EdgeIndex) -> None:
    """If the live generation is gone from the disk, the next build makes another one."""
    first = build_lines(corpus, index, folder)
    (folder / "generations" / first.generation / "manifest.json").unlink()
    report = build_lines(corpus, index, folder)
    assert (report.unchanged, report.embedded) == (False, 0)
    assert len(index.search(ask("4초"))) == 3


def test_progress_is_told_stage_by_stage(corpus: Path, folder: Path, index: EdgeIndex) -> None:
    """Every stage is told from its beginning to its end, in order."""
    told: list[tuple[Stage, int, int | None]] = []
    build(
        corpus,
        index,
        folder=folder,
        chunker=LineChunker(),
        embedder=HashEmbedder(),
        terms=WordTerms(),
        progress=lambda stage, done, total: told.append((stage, done, total)),
    )
    assert told == [
        ("read", 1, None),
        ("read", 2, None),
        ("terms", 1, 3),
        ("terms", 2, 3),
        ("terms", 3, 3),
        ("embed", 3, 3),
        ("publish", 1, 3),
        ("publish", 2, 3),
        ("publish", 3, 3),
    ]
