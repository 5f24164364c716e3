"""The embedded index on a real disk: exact scores, several processes, damage."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from kiwipiepy import Kiwi
from qdrant_edge import Query, QueryRequest
from qdrant_edge import SparseVector as EdgeSparseVector
from rank_bm25 import BM25Okapi

from server.domain import Point
from server.errors import IndexDamagedError
from server.index import EdgeIndex
from server.index.points import TERMS
from server.index.shard import load_shard, write_shard
from server.lexical import Bm25, Terms, query_vector
from tests.contract.samples import COMPATIBLE, DIMENSIONS, manifest, passage, points, query

QUESTIONS = ["골키퍼는 공을 몇 초까지", "4초 넘기면 간접프리킥인가요", "비오면 취소", "PK 거리 6m", "신발"]
SENTENCES = [
    "골키퍼는 자기 진영에서 공을 4초 넘게 가질 수 없다.",
    "4초를 넘기면 상대 팀의 간접 프리킥이다.",
    "페널티킥은 6m 지점에서, 제2 페널티킥은 10m 지점에서 찬다.",
    "실외 구장은 비가 오면 경기 두 시간 전에 취소를 알린다.",
    "풋살화는 밑창이 평평한 신발이고, 축구화는 구장에서 받지 않는다.",
    "교체는 몇 번이든 할 수 있고 경기를 멈추지 않는다.",
    "PK를 찰 때 다른 선수는 공보다 뒤에, 5m 떨어져 선다.",
]


def engine_scores(folder: Path, corpus: list[list[str]], question: list[str]) -> list[float]:
    """What the engine's own sparse search scores; passages that it doesn't bring score 0."""
    bm25 = Bm25.fit(corpus)
    dense = (1.0, *[0.0] * (DIMENSIONS - 1))
    folder.mkdir(exist_ok=True)
    shard_folder = folder / f"shard{len(list(folder.iterdir()))}"
    shard_folder.mkdir()
    write_shard(
        shard_folder,
        DIMENSIONS,
        (Point(passage(number), (dense,), bm25.passage_weights(number)) for number in range(len(corpus))),
    )
    asked = query_vector(question)
    nearest = Query.Nearest(EdgeSparseVector(list(asked.indices), list(asked.values)), using=TERMS)
    found = load_shard(shard_folder).query(QueryRequest(len(corpus), query=nearest))
    scores = {str(point.id): point.score for point in found}
    return [scores.get(passage(number).id, 0.0) for number in range(len(corpus))]


@pytest.mark.parametrize(("passages", "words"), [(300, 200), (300, 12), (3, 2)])
def test_engine_scores_are_rank_bm25s(tmp_path: Path, passages: int, words: int) -> None:
    """Qdrant's scores are `get_scores` to float32, also with the epsilon floor and where it is negative."""
    rng = np.random.default_rng(passages + words)
    vocabulary = [f"낱말{i}" for i in range(words)]
    corpus = [rng.choice(vocabulary, rng.integers(1, 40)).tolist() for _ in range(passages)]
    okapi = BM25Okapi(corpus)
    if words < 20:
        assert any(idf == okapi.epsilon * okapi.average_idf for idf in okapi.idf.values())
    for _ in range(3):
        question = [*rng.choice(vocabulary, 6).tolist(), "모르는 말"]
        np.testing.assert_allclose(
            engine_scores(tmp_path / "shards", corpus, question),
            okapi.get_scores(question),
            rtol=2e-6,
            atol=1e-6,
        )


def test_engine_scores_are_rank_bm25s_in_korean(tmp_path: Path, kiwi: Kiwi) -> None:
    """The same holds for real sentences and questions through Kiwi's terms."""
    terms = Terms(kiwi)
    corpus = [terms(sentence) for sentence in SENTENCES]
    okapi = BM25Okapi(corpus)
    for question in map(terms, QUESTIONS):
        np.testing.assert_allclose(
            engine_scores(tmp_path / "shards", corpus, question),
            okapi.get_scores(question),
            rtol=2e-6,
            atol=1e-6,
        )


@pytest.fixture
def index(tmp_path: Path) -> Iterator[EdgeIndex]:
    index = EdgeIndex(tmp_path, compatible_with=COMPATIBLE)
    yield index
    index.close()


READER = """
import sys
from pathlib import Path
from server.index import EdgeIndex
from tests.contract.samples import COMPATIBLE, query
index = EdgeIndex(Path(sys.argv[1]), compatible_with=COMPATIBLE)
for line in sys.stdin:
    print(*sorted({hit.passage.text.split()[0] for hit in index.search(query())}), flush=True)
"""


def test_processes_read_while_another_builds(tmp_path: Path, index: EdgeIndex) -> None:
    """Other processes search the same generation, and take up the next one while they run."""
    first, second = points(10), points(10, edition="나중")
    index.publish(manifest(first), first)
    assert len(index.search(query())) == 5
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        assert [answer(reader) for reader in readers] == ["처음", "처음"]
        index.publish(manifest(second), second)
        assert [answer(reader) for reader in readers] == ["나중", "나중"]
    finally:
        for reader in readers:
            reader.communicate()


def answer(reader: "subprocess.Popen[str]") -> str:
    """What a reader finds now."""
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write("\n")
    reader.stdin.flush()
    return reader.stdout.readline().strip()


def test_open_generation_survives_its_removal(tmp_path: Path, index: EdgeIndex) -> None:
    """A reader that has a generation open answers from it even when its files are removed."""
    made = points(10)
    index.publish(manifest(made), made)
    before = index.search(query())
    shutil.rmtree(tmp_path / "generations")
    assert index.search(query()) == before


def test_readers_hold_nothing_after_a_switch(index: EdgeIndex) -> None:
    """Taking up generations leaves no open files behind."""

    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - nothing is opened by this way of counting

    made = points(5)
    index.publish(manifest(made), made)
    index.search(query())
    before = open_files()
    for _ in range(3):
        index.publish(manifest(made), made)
        index.search(query())
    assert open_files() == before


@pytest.mark.parametrize("lost", ["manifest.json", "shard/segments"])
def test_damaged_generation(tmp_path: Path, index: EdgeIndex, lost: str) -> None:
    """A generation of which files are lost is refused by its place; the next build serves again."""
    made = points(5)
    live = manifest(made)
    index.publish(live, made)
    path = tmp_path / "generations" / live.generation / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(IndexDamagedError, match=rf"{live.generation} can't .*futfut index") as refused:
        index.search(query())
    shutil.rmtree(refused.value.where)
    with pytest.raises(IndexDamagedError):
        index.manifest()
    index.publish(manifest(made), made)
    assert len(index.search(query())) == 5


def test_remains_of_a_killed_build_are_removed(tmp_path: Path, index: EdgeIndex) -> None:
    """A generation without a manifest, left by a killed build, goes with the next one."""
    made = points(5)
    index.publish(manifest(made), made)
    remains = tmp_path / "generations" / "20200101T000000000000Z-00000000" / "shard"
    remains.mkdir(parents=True)
    (remains / "half").write_bytes(b"written")
    index.publish(manifest(made), made)
    assert not remains.parent.exists()


def test_vectors_of_another_size(index: EdgeIndex) -> None:
    """A question with another number of dimensions is refused in our words."""
    made = points(5)
    index.publish(manifest(made), made)
    with pytest.raises(IndexDamagedError, match="expected dim: 8, got 3"):
        index.search(query(dense=(1.0, 0.0, 0.0)))
