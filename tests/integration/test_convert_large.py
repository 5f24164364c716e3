"""Converting takes little memory, however large the model."""

from pathlib import Path

from tests.integration.convert_large import allowed, convert_ours, write_large_checkpoint

# What Python, numpy and a few rows take. The file that is written here is half as large again.
LITTLE = 200_000_000


def test_memory(tmp_path: Path) -> None:
    """150 million weights convert in less memory than they take themselves."""
    folder = tmp_path / "checkpoint"
    largest = write_large_checkpoint(folder, 150e6)
    measured = convert_ours(folder, tmp_path / "out.gguf")
    assert (tmp_path / "out.gguf").stat().st_size > 1.4 * LITTLE
    assert measured.memory < LITTLE < allowed(largest)
