"""Kill builders of an index at random moments, and see that its readers never notice.

    python tests/integration/kill_index.py FOLDER ROUNDS [SEED]

Every round forks a builder that changes a small corpus and indexes it, over and over; kills it with SIGKILL;
and then asks of a reader in another process, which has had the index open all along, that it answers, of a
fresh one that it finds a complete generation, and of a next build that it succeeds. In one round the builder
is killed after a random time of up to two builds; in the next it halts inside a stage, at a random point, and
is killed there: the stages take turns, so that each has its kills however fast the machine is.

Prints a JSON object: how many builders were killed at which stage, how many generations they had published,
how often the reader answered, and how many generations it saw.

Processes are forked from one that has imported everything and opened nothing: a round takes little time.
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from mmap import mmap
from pathlib import Path

from qdrant_edge import CountRequest

from server.index import EdgeIndex, Progress, Stage, build
from server.index.generations import Generations
from server.index.shard import load_shard
from tests.integration.indexing import (
    COMPATIBLE,
    HashEmbedder,
    LineChunker,
    WordTerms,
    ask,
    build_lines,
    no_progress,
)

HALTS: tuple[Stage, ...] = ("read", "terms", "embed", "publish")
STAGES = ("start", *HALTS, "between")
LINES = 150
HALT_SECONDS = 60.0  # a builder that takes longer to get to its stage is stuck


def main() -> None:
    """Run the rounds and print what came of them."""
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    chance = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else None)  # noqa: S311 - moments, no secrets
    corpus, home = folder / "corpus", folder / "index"
    corpus.mkdir(parents=True)
    change(corpus, 0)
    started = time.monotonic()
    assert in_child(lambda: build_slowly(corpus, home)) == 0
    longest = 2 * (time.monotonic() - started)
    board = mmap(-1, 3)  # shared with the builder: its stage, generations it has published, whether it halts
    killed: Counter[str] = Counter()
    published = 0
    reader = Reader(home)
    for number in range(rounds):
        board[:] = bytes(3)
        halt = HALTS[number // 2 % len(HALTS)] if number % 2 else None
        builder = fork(partial(build_forever, corpus, home, board, number, halt, chance.random()))
        if halt is None:
            time.sleep(chance.uniform(0, longest))
        else:
            wait_until_halted(board)
        os.kill(builder, signal.SIGKILL)
        _, status = os.waitpid(builder, 0)
        assert os.WIFSIGNALED(status), f"round {number}: the builder had ended by itself, {status}"
        killed[STAGES[board[0]]] += 1
        published += board[1]
        reader.ask()
        assert in_child(lambda: see_whole_generation(home)) == 0, f"round {number}: not whole"
        change(corpus, -number)
        assert in_child(lambda: build_once(corpus, home)) == 0, f"round {number}: no next build"
        reader.ask()
    editions = reader.end()
    result = {"killed": killed, "published": published, "answers": rounds * 2, "seen": editions}
    sys.stdout.write(f"{json.dumps(result)}\n")


def change(corpus: Path, edition: int) -> None:
    """Write a corpus of which a third is new in every edition."""
    lines = [f"줄 {n} {edition if n % 3 == 0 else '그대로'}" for n in range(LINES)]
    new = corpus / "글.new"
    new.write_text("\n".join(lines), encoding="utf-8")
    new.replace(corpus / "글.txt")


def wait_until_halted(board: mmap) -> None:
    """Wait for the builder to halt."""
    deadline = time.monotonic() + HALT_SECONDS
    while not board[2]:
        assert time.monotonic() < deadline, f"the builder is stuck in {STAGES[board[0]]}"
        time.sleep(0.001)


def build_forever(  # noqa: PLR0913, PLR0917 - what a round is told, through a fork
    corpus: Path, home: Path, board: mmap, number: int, halt: Stage | None, share: float
) -> None:
    """Change and index, noting on the board what is being done; halt when that `share` of a stage is done."""

    def note(stage: Stage, done: int, total: int | None) -> None:
        board[0] = STAGES.index(stage)
        if stage == halt and done >= share * (total or 0):
            board[2] = 1
            signal.pause()

    edition = 1000 * (number + 1)
    while True:
        edition += 1
        change(corpus, edition)
        build_slowly(corpus, home, note)
        board[0] = STAGES.index("between")
        board[1] += 1


def build_slowly(corpus: Path, home: Path, progress: Progress = no_progress) -> None:
    """A build whose encoder takes some time, so that kills fall into every stage."""
    build(
        corpus,
        EdgeIndex(home, compatible_with=COMPATIBLE),
        folder=home,
        chunker=LineChunker(),
        embedder=HashEmbedder(pause=0.0005),
        terms=WordTerms(),
        progress=progress,
    )


def build_once(corpus: Path, home: Path) -> None:
    """A build after a kill."""
    report = build_lines(corpus, EdgeIndex(home, compatible_with=COMPATIBLE), home)
    assert report.passages == LINES


def see_whole_generation(home: Path) -> None:
    """Open the index anew: it answers, and the live generation holds what its manifest says."""
    index = EdgeIndex(home, compatible_with=COMPATIBLE)
    assert len(index.search(ask("줄 0"))) == 3
    manifest = index.manifest()
    assert manifest is not None
    shard = load_shard(Generations(home).shard(manifest.generation))
    assert shard.count(CountRequest()) == manifest.passages == LINES


class Reader:
    """A process that has the index open all along, and answers when asked."""

    def __init__(self, home: Path) -> None:
        asks, self._ask = os.pipe()
        self._answers, answers = os.pipe()
        self._process = fork(lambda: self._serve(home, asks, answers))
        os.close(asks)
        os.close(answers)

    def ask(self) -> None:
        """Have it search."""
        os.write(self._ask, b"?")
        answer = os.read(self._answers, 1)
        assert answer == b".", "the reader doesn't answer"

    def end(self) -> int:
        """Let it go; returns how many generations it has seen."""
        os.close(self._ask)
        seen = int(os.read(self._answers, 20))
        os.waitpid(self._process, 0)
        return seen

    def _serve(self, home: Path, asks: int, answers: int) -> None:
        os.close(self._ask)
        index = EdgeIndex(home, compatible_with=COMPATIBLE)
        seen = set()
        while os.read(asks, 1):
            (first, *_) = found = index.search(ask("줄 0"))
            assert len(found) == 3
            seen.add(first.passage.text)
            os.write(answers, b".")
        os.write(answers, str(len(seen)).encode())


def fork(run: Callable[[], object]) -> int:
    """Run in a child process, which exits with 0 if nothing is raised."""
    child = os.fork()
    if child:
        return child
    try:
        run()
        os._exit(0)
    finally:  # an exception is printed by nobody else
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def in_child(run: Callable[[], object]) -> int:
    """The exit status of a child process."""
    _, status = os.waitpid(fork(run), 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
