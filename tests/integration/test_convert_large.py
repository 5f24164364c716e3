"""Converting takes little memory, however large the model."""

from pathlib import Path

from tests.integration.convert_large import allowed, convert_ours, write_large_checkpoint


def test_memory(tmp_path: Path) -> None:
    """150 million weights convert in half as much again as the largest tensor takes, and 300 MB."""
    folder = tmp_path / "checkpoint"
    largest = write_large_checkpoint(folder, 150e6)
    measured = convert_ours(folder, tmp_path / "out.gguf")
    assert (tmp_path / "out.gguf").stat().st_size > 2 * 140e6
    assert measured.memory < allowed(largest)
