"""What we make of an adapter is what llama.cpp's own converter makes of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader

from convert.checkpoint.adapter import open_adapter
from convert.checkpoint.open import open_checkpoint
from convert.errors import AdapterError
from convert.to_gguf.adapter import convert_adapter
from modelfiles.progress import Unseen
from tests.adapter_cases import CASES, modules_of, write_case
from tests.golden.make_reference_gguf import described
from tests.tiny_adapter import TinyAdapter, write_adapter
from tests.tiny_checkpoint import CASES as CHECKPOINTS
from tests.tiny_checkpoint import write_tiny_checkpoint

REFERENCE = json.loads((Path(__file__).parents[1] / "data" / "reference_adapter.json").read_bytes())


@pytest.mark.parametrize("name", CASES)
def test_reference(name: str, tmp_path: Path) -> None:
    """Every tensor has the reference's name, type, shape and bytes, every key its type and value."""
    base, adapter = write_case(name, tmp_path)
    out = tmp_path / "adapter.gguf"
    convert_adapter(
        open_adapter(adapter), open_checkpoint(base), out, output=CASES[name].output, progress=Unseen()
    )
    assert json.loads(json.dumps(described(out))) == REFERENCE[name]


@pytest.mark.parametrize(
    "config",
    [
        {"use_rslora": True},
        {"use_rslora": True, "rank_pattern": {"mlp.up_proj": 16}},
        {"alpha_pattern": {"q_proj": 3, r"layers\.1\.mlp\.down_proj": 16}},
    ],
)
def test_scales(config: dict[str, object], tmp_path: Path) -> None:
    """alpha/rank times B·A, which is what llama.cpp adds, is peft's update, whatever decides its scale."""
    base = write_tiny_checkpoint(tmp_path / "base", CHECKPOINTS["qwen2-tied"])
    modules = modules_of(base, "qwen2-tied")
    ranks = {name: 16 for name in modules if name.endswith("up_proj") and "rank_pattern" in config}
    adapter = open_adapter(write_adapter(tmp_path / "lora", TinyAdapter(modules, ranks=ranks, config=config)))
    out = tmp_path / "adapter.gguf"
    convert_adapter(adapter, open_checkpoint(base), out, progress=Unseen())
    reader = GGUFReader(out)
    alpha = reader.fields["adapter.lora.alpha"].contents()
    held = {tensor.name: tensor.data for tensor in reader.tensors}
    for layer, module, gguf_name in (
        (0, "self_attn.q_proj", "attn_q"),
        (1, "mlp.down_proj", "ffn_down"),
        (1, "mlp.up_proj", "ffn_up"),
    ):
        update = adapter.updates[f"model.layers.{layer}.{module}.weight"]
        a, b = (held[f"blk.{layer}.{gguf_name}.weight.lora_{factor}"] for factor in "ab")
        served = alpha / a.shape[0] * b @ a
        np.testing.assert_allclose(served, update.rows(0, update.shape[0]), rtol=1e-5, atol=1e-7)


def test_another_base(tmp_path: Path) -> None:
    """An adapter of another model is refused before anything is written."""
    _, adapter = write_case("zephyr-f16-lora", tmp_path)
    base = write_tiny_checkpoint(tmp_path / "wide", CHECKPOINTS["llama3-tied-f32"])
    out = tmp_path / "adapter.gguf"
    with pytest.raises(AdapterError, match=r"use the base that it was trained on \(futfut/Tiny-Base-2B\)"):
        convert_adapter(open_adapter(adapter), open_checkpoint(base), out, progress=Unseen())
    assert not out.exists()


def test_a_broken_model_card(tmp_path: Path) -> None:
    """A model card that can't be read is named, with what to do."""
    base, adapter = write_case("qwen2-lora", tmp_path)
    (adapter / "README.md").write_text("---\nlicense: [\n---\n")
    with pytest.raises(AdapterError, match=r"the head of its README\.md can't be read"):
        convert_adapter(
            open_adapter(adapter), open_checkpoint(base), tmp_path / "adapter.gguf", progress=Unseen()
        )
