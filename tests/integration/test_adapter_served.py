"""llama.cpp with an adapter laid over its base gives what the merged model gives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_cpp import GGML_TYPE_F32, Llama
from numpy.typing import NDArray

from convert.checkpoint.adapter import open_adapter
from convert.checkpoint.merge import merged
from convert.checkpoint.open import open_checkpoint
from convert.to_gguf.adapter import convert_adapter
from convert.to_gguf.convert import convert
from modelfiles.progress import Unseen
from tests.adapter_cases import LINEAR, modules_of
from tests.tiny_adapter import TinyAdapter, write_adapter
from tests.tiny_checkpoint import CASES, write_tiny_checkpoint

TOKENS = list(range(3, 43))


def logits(model: Path, adapter: Path | None = None) -> NDArray[np.float32]:
    """The logits at each of TOKENS, `(tokens, vocabulary)`."""
    llama = Llama(
        str(model),
        lora_path=None if adapter is None else str(adapter),
        n_ctx=64,
        logits_all=True,
        verbose=False,
        # Rounded to 16 bits, keys and values would hide small differences, or blow them up.
        type_k=GGML_TYPE_F32,
        type_v=GGML_TYPE_F32,
    )
    llama.eval(TOKENS)
    found = np.array(llama.scores[: len(TOKENS)])
    llama.close()
    return found


@pytest.mark.parametrize(
    ("checkpoint", "targets", "config"),
    [
        ("tiny-llama-3.1-1b-instruct", LINEAR, {}),
        ("llama3-tied-f32", LINEAR, {"use_rslora": True}),
        ("zephyr-bf16", (*LINEAR, "lm_head"), {"alpha_pattern": {"q_proj": 3, "down_proj": 16}}),
        ("qwen2-tied", LINEAR, {}),
        ("Qwen2.5-Tiny-0.5B-f32", LINEAR, {"use_rslora": True, "alpha_pattern": {"up_proj": 3}}),
    ],
)
def test_merged_and_laid_over(
    checkpoint: str, targets: tuple[str, ...], config: dict[str, Any], tmp_path: Path
) -> None:
    """Both ways to serve an adapter give the same logits, far from those without it."""
    folder = write_tiny_checkpoint(tmp_path / "base", CASES[checkpoint])
    modules = modules_of(folder, checkpoint, targets)
    base = open_checkpoint(folder)
    adapter = open_adapter(write_adapter(tmp_path / "lora", TinyAdapter(modules, config=config)))
    convert(base, tmp_path / "base.gguf", output="f32", progress=Unseen())
    convert(merged(base, adapter), tmp_path / "merged.gguf", output="f32", progress=Unseen())
    convert_adapter(adapter, base, tmp_path / "adapter.gguf", progress=Unseen())
    alone = logits(tmp_path / "base.gguf")
    whole = logits(tmp_path / "merged.gguf")
    laid_over = logits(tmp_path / "base.gguf", tmp_path / "adapter.gguf")
    assert np.abs(whole - alone).max() > 1
    np.testing.assert_allclose(laid_over, whole, atol=5e-5)
