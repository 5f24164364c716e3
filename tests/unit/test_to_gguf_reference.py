"""What we make of a checkpoint is what llama.cpp's own converter makes of it, but for what is named here."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from convert.checkpoint.open import open_checkpoint
from convert.to_gguf.convert import Origin, OutputType, convert
from modelfiles.progress import Unseen
from tests.golden.make_reference_gguf import described
from tests.tiny_checkpoint import CASES, write_tiny_checkpoint

REFERENCE = json.loads((Path(__file__).parents[1] / "data" / "reference_gguf.json").read_bytes())
# Of a tokenizer.json that was a SentencePiece model once, the reference knows no scores, takes markup for
# text, and forgets the embeddings that have no token.
BETTER = {"tokenizer.ggml.tokens", "tokenizer.ggml.scores", "tokenizer.ggml.token_type"}
ON_PURPOSE = {
    name: BETTER if spec.tokenizer == "sentencepiece-json" else set() for name, spec in CASES.items()
}


def converted(folder: Path, output: OutputType, origin: Origin | None = None) -> dict[str, Any]:
    """Convert a checkpoint, and describe the file as the reference's are described."""
    out = folder.parent / f"{folder.name}-{output}.gguf"
    convert(open_checkpoint(folder), out, output=output, origin=origin, progress=Unseen())
    described_file: dict[str, Any] = json.loads(json.dumps(described(out)))
    return described_file


@pytest.mark.parametrize("output", get_args(OutputType))
@pytest.mark.parametrize("name", CASES)
def test_reference(name: str, output: OutputType, tmp_path: Path) -> None:
    """Every tensor has the reference's name, type, shape and bytes, every key its type and value."""
    ours = converted(write_tiny_checkpoint(tmp_path / name, CASES[name]), output)
    reference = REFERENCE[name][output]
    assert ours["tensors"] == reference["tensors"]
    assert ours["keys"].keys() == reference["keys"].keys()
    assert {key for key, value in ours["keys"].items() if value != reference["keys"][key]} == ON_PURPOSE[name]


def test_origin(tmp_path: Path) -> None:
    """Beyond the reference's keys stand the repository, its revision, and a licence if no card gives one."""
    name = "zephyr-bf16"
    origin = Origin("futfut/zephyr-ko", "4f1c", "apache-2.0")
    ours = converted(write_tiny_checkpoint(tmp_path / name, CASES[name]), "f16", origin)["keys"]
    reference = REFERENCE[name]["f16"]["keys"]
    assert {key: value[1] for key, value in ours.items() if key not in reference} == {
        "general.license": "apache-2.0",
        "general.source.repo_url": "https://huggingface.co/futfut/zephyr-ko",
        "general.source.url": "https://huggingface.co/futfut/zephyr-ko/tree/4f1c",
    }
    assert {key: value for key, value in ours.items() if key in reference} == reference


def test_card_before_origin(tmp_path: Path) -> None:
    """The licence in the model card is the licensor's own word, and stays."""
    name = "tiny-llama-3.1-1b-instruct"
    folder = write_tiny_checkpoint(tmp_path / name, CASES[name])
    keys = converted(folder, "f16", Origin("a/b", "main", "mit"))["keys"]
    assert keys["general.license"][1] == "apache-2.0"
