"""The Hugging Face checkpoint folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models

from convert.encoder.checkpoint import read_checkpoint
from convert.encoder.xlmr_tokenizer import load_tokenizer
from convert.errors import EncoderSourceError
from tests.tiny_encoder import CONFIG, random_tensors, write_checkpoint


def test_tensors_are_read_as_float32_whatever_floats_they_are(tmp_path: Path) -> None:
    """Half precision is widened; the pooler and the position numbers are left alone."""
    tensors = random_tensors()
    folder = write_checkpoint(tmp_path, tensors)
    stored: dict[str, NDArray[Any]] = {
        **{name: values.astype(np.float16) for name, values in tensors.items()},
        "pooler.dense.weight": np.zeros((32, 32), np.float16),
        "embeddings.position_ids": np.arange(24),
    }
    save_file(stored, folder / "model.safetensors")

    encoder = read_checkpoint(folder)

    assert encoder.config == CONFIG
    for name, values in tensors.items():
        assert encoder.tensor(name).dtype == np.float32
        np.testing.assert_array_equal(encoder.tensor(name), values.astype(np.float16), err_msg=name)


def test_missing_files_are_all_named(tmp_path: Path) -> None:
    """An empty folder is told all that it lacks."""
    with pytest.raises(EncoderSourceError) as caught:
        read_checkpoint(tmp_path)

    assert caught.value.problems == (
        "it has no config.json",
        "it has no model.safetensors",
        "it has no tokenizer.json",
    )


def test_all_wrong_tensors_are_named_at_once(tmp_path: Path) -> None:
    """What is missing, mis-shaped, unknown or of integers stands in one error."""
    tensors = random_tensors()
    folder = write_checkpoint(tmp_path, tensors)
    del tensors["encoder.layer.0.attention.self.key.weight"]
    tensors["embeddings.LayerNorm.weight"] = np.zeros((32, 1), np.float32)
    tensors["encoder.layer.2.output.dense.bias"] = np.zeros(32, np.float32)
    integers = {"encoder.layer.0.output.dense.bias": np.zeros(32, np.int32)}
    save_file({**tensors, **integers}, folder / "model.safetensors")

    with pytest.raises(EncoderSourceError) as caught:
        read_checkpoint(folder)

    assert caught.value.problems == (
        "tensor encoder.layer.0.attention.self.key.weight is missing",
        "tensor embeddings.LayerNorm.weight has shape (32, 1), expected (32,)",
        "tensor encoder.layer.2.output.dense.bias is unknown",
        "tensor encoder.layer.0.output.dense.bias holds I32, expected one of F16, F32, F64",
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_act": "relu"}, "hidden_act is 'relu'"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type is 'relative_key'"),
        ({"model_type": "xlm-roberta"}, "model_type is 'xlm-roberta'"),
        ({"num_attention_heads": 5}, "doesn't divide into 5 heads"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"vocab_size": None}, "can't be read"),
    ],
)
def test_another_architecture_is_refused(tmp_path: Path, change: dict[str, object], said: str) -> None:
    """What the graph doesn't compute is refused by name, not computed wrongly."""
    folder = write_checkpoint(tmp_path, random_tensors())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **change}))

    with pytest.raises(EncoderSourceError, match=said):
        read_checkpoint(folder)


def test_a_cut_off_weights_file_is_refused(tmp_path: Path) -> None:
    """A broken download is reported with the file's name."""
    folder = write_checkpoint(tmp_path, random_tensors())
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])

    with pytest.raises(EncoderSourceError, match=r"model\.safetensors: it can't be read"):
        read_checkpoint(folder)


def test_a_tokenizer_that_does_not_fit_the_weights_is_refused(tmp_path: Path) -> None:
    """Ids beyond the word table and absent special tokens are named; so is a file that is no tokenizer."""
    path = tmp_path / "tokenizer.json"
    Tokenizer(models.Unigram([("<s>", 0.0), ("<unk>", 0.0), ("a", -1.0)], unk_id=1)).save(str(path))
    with pytest.raises(EncoderSourceError) as caught:
        load_tokenizer(path, rows=2)
    assert caught.value.problems == (
        "it has no token <pad>",
        "it has no token </s>",
        "it has ids up to 2, but there are only 2 word vectors",
    )
    path.write_text("{}")
    with pytest.raises(EncoderSourceError, match="can't be read"):
        load_tokenizer(path, rows=2)
