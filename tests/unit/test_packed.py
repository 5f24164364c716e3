"""The packed 4-bit encoder file."""

from pathlib import Path

import numpy as np
import pytest

from convert.encoder.packed import read_packed
from convert.errors import EncoderSourceError
from tests.tiny_encoder import CONFIG, PIECES, REPLACEMENTS, SCORES, random_tensors, write_packed


def test_weights_and_vocabulary_are_read_as_they_were_packed(tmp_path: Path) -> None:
    """Every weight is (nibble - 8) times its block's scale; the vocabulary comes out in order."""
    held = write_packed(tmp_path / "tiny.bin", random_tensors())

    packed = read_packed(tmp_path / "tiny.bin")

    assert packed.encoder.config.tensor_shapes() == CONFIG.tensor_shapes()
    for name, values in held.items():
        np.testing.assert_array_equal(packed.encoder.tensor(name), values, err_msg=name)
    assert packed.vocabulary.pieces == tuple(PIECES)
    np.testing.assert_allclose(packed.vocabulary.scores, SCORES, rtol=1e-6)
    assert packed.vocabulary.replacements == REPLACEMENTS


@pytest.mark.parametrize(
    "content", [b"", b"GGUF\x03\x00\x00\x00" + bytes(64), b"E5S1\x02\x00\x00\x00" + bytes(64)]
)
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Nothing but the known magic and version is read, and the message names the file."""
    path = tmp_path / "other.bin"
    path.write_bytes(content)

    with pytest.raises(EncoderSourceError, match=r"other\.bin"):
        read_packed(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that isn't there is reported as any other that can't be used."""
    with pytest.raises(EncoderSourceError, match="can't be read"):
        read_packed(tmp_path / "none.bin")


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    """Wherever a download broke off, header, vocabulary, directory or weights, the file isn't used."""
    path = tmp_path / "tiny.bin"
    write_packed(path, random_tensors())
    whole = path.read_bytes()
    for size in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(EncoderSourceError):
            read_packed(path)


def test_all_wrong_tensors_are_named_at_once(tmp_path: Path) -> None:
    """What is missing, mis-shaped or unknown stands in one error."""
    tensors = random_tensors()
    del tensors["encoder.layer.1.output.dense.bias"]
    tensors["embeddings.LayerNorm.bias"] = np.zeros(31, np.float32)
    tensors["pooler"] = np.zeros(4, np.float32)
    write_packed(tmp_path / "tiny.bin", tensors)

    with pytest.raises(EncoderSourceError) as caught:
        read_packed(tmp_path / "tiny.bin")

    assert caught.value.problems == (
        "tensor encoder.layer.1.output.dense.bias is missing",
        "tensor embeddings.LayerNorm.bias has shape (31,), expected (32,)",
        "tensor pooler is unknown",
    )
