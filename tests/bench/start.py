"""From the start of `futfut serve` to its first readiness, against the loads that none could do without."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from server.settings import Settings
from tests.bench.home import check_models, encoder_folder, model_file, modelfile, with_corpus_indexed
from tests.bench.processes import run, serving
from tests.bench.scale import Scale
from tests.bench.table import Row
from tests.bench.timing import medians

_BARE_LOADS = Path(__file__).with_name("bare_loads.py")


def measure(scale: Scale, settings: Settings) -> Iterator[Row]:
    """One row: whole processes on both sides, with everything in the disk's cache."""
    check_models(settings)
    ours = with_corpus_indexed(settings)
    num_ctx = dict(modelfile(settings).parameters)["num_ctx"]
    loads = [
        *(sys.executable, str(_BARE_LOADS)),
        *(str(encoder_folder(settings)), str(model_file(settings)), num_ctx),
    ]
    with ExitStack() as servers:
        taken = medians(
            scale.starts,
            {
                "FutFut": lambda _: servers.enter_context(serving(ours)),
                "bare": lambda _: run(loads, settings),
            },
            afterwards=servers.close,
        )
    yield Row("start to ready", settings.model, taken["FutFut"], "Kiwi, encoder, model loaded", taken["bare"])
