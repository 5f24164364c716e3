"""What a plan says before anything is done."""

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console

from convert.errors import DiskSpaceError
from convert.pipeline.plan import Plan, Task, plan, require_room
from convert.pipeline.plan_table import table
from convert.pipeline.weights import weights_of
from convert.quantize.levels import LEVELS

BITS = {name: level.bits_per_weight for name, level in LEVELS.items()}
WEIGHTS = 8_030_261_248
TASK = Task(
    model="big",
    weights=WEIGHTS,
    checkpoint_size=2 * WEIGHTS,
    to_fetch=2 * WEIGHTS + 9_000_000,
    exact="f16",
    levels=("q4_k_m", "q8_0"),
    bits=BITS,
    cores=2,
)
LLAMA_3_8B = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "max_position_embeddings": 8192,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "rms_norm_eps": 1e-5,
    "rope_theta": 500000.0,
    "vocab_size": 128256,
}
MISTRAL_7B = LLAMA_3_8B | {"architectures": ["MistralForCausalLM"], "vocab_size": 32000}
QWEN2_HALF_B = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_size": 896,
    "intermediate_size": 4864,
    "max_position_embeddings": 32768,
    "num_attention_heads": 14,
    "num_hidden_layers": 24,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "tie_word_embeddings": True,
    "vocab_size": 151936,
}


def done(planned: Plan) -> list[str]:
    return [step.name for step in planned.steps if step.skipped is None]


@pytest.mark.parametrize(
    ("config", "weights"),
    [(LLAMA_3_8B, 8_030_261_248), (MISTRAL_7B, 7_241_732_096), (QWEN2_HALF_B, 494_032_768)],
)
def test_weights_are_counted_from_the_config(config: dict[str, Any], weights: int) -> None:
    """Exactly as many as the models' own cards say: grouped heads, biases and tied embeddings included."""
    assert weights_of(config) == weights


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({}, "architecture is none"),
        (LLAMA_3_8B | {"architectures": ["GPT2LMHeadModel"]}, "architecture is GPT2LMHeadModel"),
        (LLAMA_3_8B | {"quantization_config": {"quant_method": "bitsandbytes"}}, "quantized already"),
        (LLAMA_3_8B | {"hidden_size": "many"}, "hidden_size"),
    ],
)
def test_what_cannot_be_converted_is_known_by_its_config(config: dict[str, Any], reason: str) -> None:
    """Before gigabytes of it have come from the hub."""
    with pytest.raises(ValueError, match=reason):
        weights_of(config)


def test_the_steps_of_a_first_run() -> None:
    """From the hub to Ollama, the exact level verified with the others though only they were asked for."""
    assert done(plan(TASK)) == [
        "download",
        "convert to f16",
        "quantize q4_k_m",
        "quantize q8_0",
        "verify f16",
        "verify q4_k_m",
        "verify q8_0",
        "register q4_k_m",
        "register q8_0",
    ]


def test_sizes_are_close_to_the_real_files() -> None:
    """Within two per cent of what Llama 3 8B's files have in llama.cpp's own table."""
    for level, real in {"f16": 16.07e9, "q8_0": 8.54e9, "q5_k_m": 5.73e9, "q4_k_m": 4.92e9}.items():
        assert TASK.file_size(level) == pytest.approx(real, rel=0.02)


def test_the_disk_holds_all_that_is_kept() -> None:
    """Checkpoint, exact level and levels below HOME; the copies that Ollama makes are counted apart."""
    planned = plan(TASK)
    levels = TASK.file_size("q4_k_m") + TASK.file_size("q8_0")
    assert TASK.to_fetch is not None
    assert planned.disk == TASK.to_fetch + TASK.file_size("f16") + levels
    assert planned.disk_outside == levels


def test_a_resumed_run_skips_what_is_there() -> None:
    """And says so for each step; what is still to do costs as much as before."""
    half = replace(TASK, to_fetch=0, fresh=frozenset({"f16", "q8_0"}), verified=frozenset({"f16", "q8_0"}))
    planned = plan(half)
    assert done(planned) == [
        "quantize q4_k_m",
        "verify f16",
        "verify q4_k_m",
        "register q4_k_m",
        "register q8_0",
    ]
    assert planned.disk == TASK.file_size("q4_k_m")
    assert planned.seconds < plan(TASK).seconds


def test_a_finished_run_has_nothing_to_do() -> None:
    """No bytes, no seconds."""
    every = frozenset({"f16", "q4_k_m", "q8_0"})
    planned = plan(replace(TASK, to_fetch=0, fresh=every, verified=every, registered=every))
    assert planned.is_done
    assert (planned.disk, planned.disk_outside, planned.seconds) == (0, 0, 0)
    assert "nothing is left to do" in shown(planned)


def test_a_folder_of_ones_own_is_not_downloaded() -> None:
    """Nor is there a step for it; who doesn't register has no steps for that."""
    own = replace(TASK, to_fetch=None, levels=("f16",), registers=False)
    assert [step.name for step in plan(own).steps] == ["convert to f16", "verify f16"]


def test_measuring_more_takes_longer() -> None:
    """Only the levels that are measured."""
    few, many = plan(TASK), plan(replace(TASK, scored=20_480))
    slower = {a.name for a, b in zip(few.steps, many.steps, strict=True) if a.seconds < b.seconds}
    assert slower == {step.name for step in few.steps if step.name.startswith("verify")}


@given(
    levels=st.lists(st.sampled_from(sorted(BITS)), min_size=1, max_size=5, unique=True),
    fresh=st.frozensets(st.sampled_from(sorted(BITS))),
    cores=st.integers(1, 64),
)
def test_more_at_hand_never_costs_more(levels: list[str], fresh: frozenset[str], cores: int) -> None:
    """Whatever levels are wanted: with files at hand or more cores it takes no more disk and no longer."""
    bare = replace(TASK, levels=tuple(levels), cores=1)
    better = replace(bare, fresh=fresh, cores=cores)
    assert plan(better).disk <= plan(bare).disk
    assert plan(better).seconds <= plan(bare).seconds


def test_a_disk_that_is_too_small_is_refused() -> None:
    """With how much to free; one that just holds it isn't."""
    planned = plan(TASK)
    require_room(planned, Path("home"), planned.disk)
    with pytest.raises(DiskSpaceError, match="Free 1,000 MB") as caught:
        require_room(planned, Path("home"), planned.disk - 1_000_000_000)
    assert caught.value.needed == planned.disk


def test_an_eight_billion_model_takes_an_hour_or_so() -> None:
    """Rough, but of the right size: neither minutes nor a day on two cores."""
    assert 30 * 60 < plan(TASK).seconds < 8 * 3600


def test_the_plan_is_a_table() -> None:
    """Each step with its bytes and time, each skipped one with its reason, the sums below."""
    lines = shown(plan(replace(TASK, fresh=frozenset({"f16"})))).splitlines()
    assert lines[0].strip() == "Plan for big"
    assert lines[1].split() == ["step", "reads", "writes", "about"]
    assert lines[2].split() == ["download", "16.1", "GB", "16.1", "GB", "11", "min"]
    assert lines[3].split() == ["convert", "to", "f16", "already", "there,", "and", "fresh"]
    assert lines[-3] == "Disk: 29.5 GB below HOME, where 40.0 GB are free."
    assert lines[-2].strip().startswith("13.5 GB where Ollama keeps its models")
    assert lines[-1].startswith("Time: roughly ")


def shown(planned: Plan) -> str:
    written = io.StringIO()
    Console(file=written, width=80).print(table(planned, 40_000_000_000))
    return written.getvalue()
