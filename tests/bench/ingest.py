"""New passages into the index, against the encoder alone on the same texts."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from server.analyzer import load_kiwi
from server.dense import FastembedEmbedder
from server.documents import Chunker, Sizes
from server.index import EdgeIndex, Stage, build
from server.lexical import Terms
from server.settings import Settings
from tests.bench.home import check_models, encoder_folder
from tests.bench.scale import Scale
from tests.bench.synthetic import write_document
from tests.bench.table import Row


class Recorder:
    """The encoder in a build: the texts that it was given, and the seconds that it took over them."""

    def __init__(self, embedder: FastembedEmbedder) -> None:
        self.fingerprint = embedder.fingerprint
        self.dimensions = embedder.dimensions
        self.max_tokens = embedder.max_tokens
        self.count_tokens = embedder.count_tokens
        self.embed_query = embedder.embed_query
        self.texts: list[str] = []
        self.seconds = 0.0
        self._embedder = embedder

    def embed_passages(self, texts: Sequence[str]) -> Iterator[tuple[float, ...]]:
        """Embed passages."""
        self.texts += texts
        started = perf_counter()
        vectors = list(self._embedder.embed_passages(texts))
        self.seconds += perf_counter() - started
        return iter(vectors)


class StageClock:
    """Seconds that a build spends in each stage, by what its progress tells."""

    def __init__(self) -> None:
        self.seconds: dict[Stage, float] = {}
        self._last = perf_counter()

    def __call__(self, stage: Stage, done: int, total: int | None) -> None:
        """Count the time since the last call to the stage that has moved."""
        del done, total
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now


def measure(scale: Scale, settings: Settings) -> Iterator[Row]:
    """A row for the whole build, and for two parts of it, against the encoder."""
    check_models(settings, model=False)
    kiwi = load_kiwi()
    embedder = FastembedEmbedder(encoder_folder(settings), threads=settings.threads)
    embedder.embed_query("풋살")
    builds, bare, encoder, rest, terms = [], [], [], [], []
    for number in range(scale.ingest_rounds):
        recorder, clock = Recorder(embedder), StageClock()
        with TemporaryDirectory() as temporary:
            folder = Path(temporary)
            write_document(folder / "corpus" / "new.md", passages=scale.ingest_passages, seed=number)
            index = EdgeIndex(folder / "index", compatible_with=None)
            report = build(
                folder / "corpus",
                index,
                folder=folder / "index",
                chunker=Chunker(kiwi, recorder.count_tokens, Sizes(recorder.max_tokens)),
                embedder=recorder,
                terms=Terms(kiwi),
                progress=clock,
            )
            index.close()
        builds.append(report.seconds)
        bare.append(_seconds_to_embed(recorder.texts, embedder))
        encoder.append(recorder.seconds)
        rest.append(report.seconds - recorder.seconds)
        terms.append(clock.seconds["terms"])
    size = f"{report.passages} passages"
    row = Row("ingest", size, median(builds), "the encoder alone", median(bare))
    yield replace(row, note=f"{len(recorder.texts)} texts")
    # What follows is part of the builds themselves: encoder and rest felt the same load of the machine.
    row = replace(row, against="the encoder in the build", other=median(encoder))
    yield replace(row, what="ingest: all but the encoder", ours=median(rest))
    yield replace(row, what="ingest: terms", ours=median(terms))


def _seconds_to_embed(texts: Sequence[str], embedder: FastembedEmbedder) -> float:
    started = perf_counter()
    for _ in embedder.embed_passages(texts):
        pass
    return perf_counter() - started
