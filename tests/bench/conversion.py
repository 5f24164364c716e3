"""A checkpoint to GGUF, beside llama.cpp's own converter on the same checkpoint."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from server.settings import Settings
from tests.bench.scale import Scale
from tests.bench.table import Row
from tests.integration.convert_large import convert_ours, convert_reference, write_large_checkpoint


def measure(scale: Scale, settings: Settings) -> Iterator[Row]:
    """One row: whole processes, from their start to a file that is written. Memory is in the note."""
    del settings  # it needs no model of FutFut's
    with TemporaryDirectory() as temporary:
        folder, out = Path(temporary) / "checkpoint", Path(temporary) / "out.gguf"
        write_large_checkpoint(folder, scale.convert_weights)
        ours = convert_ours(folder, out)
        other = None if scale.reference is None else convert_reference(folder, out, *scale.reference)
    memory = f"memory {ours.memory / 1e6:,.0f} MB"
    yield Row(
        "checkpoint to GGUF",
        f"{scale.convert_weights / 1e6:,.0f} million weights",
        ours.seconds,
        "convert_hf_to_gguf.py",
        other.seconds if other else None,
        f"{memory}, against {other.memory / 1e6:,.0f} MB" if other else f"{memory}; no --reference was given",
    )
