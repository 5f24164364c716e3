"""A LoRA adapter's folder: what is read of it, and every reason to refuse it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from convert.checkpoint.adapter import is_adapter, open_adapter
from convert.errors import AdapterError
from tests.tiny_adapter import Modules, TinyAdapter, factor_name, write_adapter, write_config, write_factors

QUERY, UP = "model.layers.0.self_attn.q_proj", "model.layers.1.mlp.up_proj"
MODULES: Modules = {QUERY: (12, 8), UP: (10, 8)}
Factors = dict[str, NDArray[np.float32]]


def factors_of(folder: Path) -> Factors:
    loaded: Factors = load_file(folder / "adapter_model.safetensors")
    return loaded


def refused(folder: Path) -> AdapterError:
    with pytest.raises(AdapterError) as caught:
        open_adapter(folder)
    assert str(folder) in str(caught.value)
    return caught.value


def test_updates(tmp_path: Path) -> None:
    """Each update stands under its weight's name, with both factors, its rank and its alpha."""
    folder = write_adapter(tmp_path / "lora", TinyAdapter(MODULES, rank=4, alpha=6))
    adapter = open_adapter(folder)
    stored = factors_of(folder)
    assert set(adapter.updates) == {f"{QUERY}.weight", f"{UP}.weight"}
    for module, shape in MODULES.items():
        update = adapter.updates[f"{module}.weight"]
        assert (update.shape, update.rank, update.alpha) == (shape, 4, 6)
        np.testing.assert_array_equal(update.a.rows(0, 4), stored[factor_name(module, "A")])
        np.testing.assert_array_equal(update.b.rows(2, 9), stored[factor_name(module, "B")][2:9])


@pytest.mark.parametrize(
    ("settings", "alphas"),
    [
        ({}, (8, 8)),
        ({"use_rslora": True}, (8 * 4**0.5, 8 * 16**0.5)),
        ({"alpha_pattern": {"q_proj": 2}}, (2, 8)),
        ({"alpha_pattern": {r"layers\.1\..*": 3, "up_proj": 5}}, (8, 3)),
        ({"alpha_pattern": {"proj": 3}}, (8, 8)),
        ({"alpha_pattern": {"up_proj": 5}, "use_rslora": True}, (8 * 4**0.5, 5 * 16**0.5)),
    ],
)
def test_scales(tmp_path: Path, settings: dict[str, Any], alphas: tuple[float, float]) -> None:
    """A scale is alpha/rank, rsLoRA's alpha/√rank; the first pattern that a module ends with decides."""
    spec = TinyAdapter(MODULES, ranks={UP: 16}, config={"rank_pattern": {UP: 16}, **settings})
    updates = open_adapter(write_adapter(tmp_path / "lora", spec)).updates
    assert [updates[f"{module}.weight"].rank for module in (QUERY, UP)] == [4, 16]
    assert [updates[f"{module}.weight"].alpha for module in (QUERY, UP)] == pytest.approx(alphas)


@pytest.mark.parametrize(
    ("named", "repository"),
    [
        ("HuggingFaceH4/zephyr-7b-beta", "HuggingFaceH4/zephyr-7b-beta"),
        ("/home/someone/llama-3", None),
        ("../llama", None),
        ("llama", None),
        ("a/b/c", None),
        (None, None),
    ],
)
def test_base(tmp_path: Path, named: str | None, repository: str | None) -> None:
    """The base's repository and revision are known, unless a folder of the trainer's machine is named."""
    config = {"base_model_name_or_path": named, "revision": "4f1c"}
    adapter = open_adapter(write_adapter(tmp_path / "lora", TinyAdapter(MODULES, config=config)))
    assert (adapter.base_repository, adapter.base_revision) == (repository, "4f1c")


def test_is_adapter(tmp_path: Path) -> None:
    """A folder with an adapter is one, but not where the whole weights lie beside it."""
    assert not is_adapter(tmp_path)
    folder = write_adapter(tmp_path, TinyAdapter(MODULES))
    assert is_adapter(folder)
    (folder / "config.json").write_text("{}")
    assert is_adapter(folder)
    (folder / "model-00001-of-00002.safetensors").touch()
    assert not is_adapter(folder)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"peft_type": "LOHA"}, "its peft_type is 'LOHA'"),
        ({"peft_type": None}, "its peft_type is None"),
        ({"use_dora": True}, "DoRA"),
        ({"bias": "lora_only"}, "bias is 'lora_only'"),
        ({"lora_bias": True}, "biases of B"),
        ({"modules_to_save": ["lm_head"]}, "whole layers"),
        ({"trainable_token_indices": [3]}, "single rows of the embeddings"),
        ({"target_parameters": ["experts.gate"]}, "no linear layers"),
        ({"fan_in_fan_out": True}, "transposed"),
        ({"layer_replication": [[0, 2], [1, 2]]}, "repeats the base's layers"),
        ({"alora_invocation_tokens": [5]}, "activated LoRA"),
        ({"init_lora_weights": "pissa_niter_16"}, "path_initial_model_for_weight_conversion"),
        ({"use_qalora": True, "use_new_thing": 1}, "sets use_new_thing, use_qalora"),
        ({"lora_alpha": 0}, "lora_alpha"),
        ({"r": "four"}, "`$.r`"),
        ({"alpha_pattern": {"(": 3}}, "no regular expression"),
    ],
)
def test_refused_settings(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    """A setting under which something else is computed is named, with what to do."""
    folder = write_adapter(tmp_path / "lora", TinyAdapter(MODULES))
    config = json.loads((folder / "adapter_config.json").read_bytes())
    write_config(folder, **{**config, **settings})
    assert said in refused(folder).problems[0]


@pytest.mark.parametrize("start", [True, False, None, "gaussian", "eva"])
def test_gentle_starts(tmp_path: Path, start: str | bool | None) -> None:
    """Initialized in a way that leaves the base alone, an adapter is taken."""
    spec = TinyAdapter(MODULES, config={"init_lora_weights": start, "eva_config": {"rho": 2.0}})
    assert open_adapter(write_adapter(tmp_path / "lora", spec)).updates


def without(name: str) -> Callable[[Factors], None]:
    return lambda factors: factors.__delitem__(name)


def put(name: str, *shape: int) -> Callable[[Factors], None]:
    return lambda factors: factors.__setitem__(name, np.ones(shape, np.float32))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            without(factor_name(QUERY, "B")),
            "lora_B is missing of model.layers.{0}.self_attn.q_proj: fetch it",
        ),
        (without(factor_name(UP, "A")), "lora_A is missing of model.layers.{1}.mlp.up_proj: fetch it"),
        (put(factor_name(QUERY, "A"), 5, 8), "lora_A [5, 8] and lora_B [12, 4], not [4, inputs]"),
        (put(factor_name(QUERY, "B"), 12), "lora_A [4, 8] and lora_B [12], not [4, inputs]"),
        (put("base_model.model.lm_head.weight", 3, 8), "whole weights (base_model.model.lm_head.weight)"),
        (put("base_model.model.model.norm.weight", 8), "whole weights (base_model.model.model.norm.weight)"),
        (put("base_model.model.model.embed_tokens.lora_embedding_A", 4, 8), "it adapts embeddings"),
        (put(f"base_model.model.{UP}.lora_magnitude_vector", 10), "it is a DoRA"),
        (put(f"base_model.model.{UP}.lora_B.bias", 10), "it trained biases"),
    ],
)
def test_refused_weights(tmp_path: Path, change: Callable[[Factors], None], said: str) -> None:
    """Half an update, wrong shapes, and what is no low-rank update are named, with what to do."""
    folder = write_adapter(tmp_path / "lora", TinyAdapter(MODULES))
    factors = factors_of(folder)
    change(factors)
    write_factors(folder, factors)
    (problem,) = refused(folder).problems
    assert said in problem


def test_all_problems_at_once(tmp_path: Path) -> None:
    """Who mends a folder is told everything at once."""
    folder = write_adapter(tmp_path / "lora", TinyAdapter(MODULES))
    factors = factors_of(folder)
    without(factor_name(QUERY, "B"))(factors)
    put(factor_name(UP, "A"), 5, 8)(factors)
    write_factors(folder, factors)
    assert len(refused(folder).problems) == 2


def test_refused_files(tmp_path: Path) -> None:
    """Missing, broken, cut short and empty files, pickles and strange numbers: each has its words."""
    folder = write_adapter(tmp_path / "lora", TinyAdapter(MODULES))
    config, weights = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    assert "was cut short" in refused(folder).problems[0]
    weights.write_bytes(whole.replace(b'"F32"', b'"F8 "'))
    assert "it holds tensors of F8" in refused(folder).problems[0]
    write_factors(folder, {})
    assert "holds no weights" in refused(folder).problems[-1]
    weights.unlink()
    assert "it has no adapter_model.safetensors" in refused(folder).problems[0]
    (folder / "adapter_model.bin").touch()
    assert "a pickle (adapter_model.bin)" in refused(folder).problems[0]
    config.write_text("{")
    assert "is broken" in refused(folder).problems[0]
    config.write_text("[]")
    assert "is broken" in refused(folder).problems[0]
    config.unlink()
    assert "it has no adapter_config.json" in refused(folder).problems[0]
