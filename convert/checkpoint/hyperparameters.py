"""What config.json says of a model's computation: read where it is carried over, refused where it isn't."""

from collections.abc import Mapping
from typing import Any

import msgspec

from convert.architectures import Sizes
from convert.checkpoint.rope import Rope, read_rope

# Settings that would change the computation, and the values with which they don't.
_PLAIN: dict[str, tuple[object, ...]] = {
    "hidden_act": ("silu", "swish"),
    "attention_bias": (False,),
    "mlp_bias": (False,),
    "is_causal": (True,),
}


class _Config(msgspec.Struct, frozen=True):
    """The numbers of config.json, under its own names."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    max_position_embeddings: int
    rms_norm_eps: float
    # The first Llamas don't say it: each head had keys of its own then.
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    tie_word_embeddings: bool | None = None
    sliding_window: int | None = None
    use_sliding_window: bool | None = None


class Hyperparameters(msgspec.Struct, frozen=True):
    """What of config.json decides the computation.

    `context` is in tokens, and so is `window`: how far back a token looks, if not to the start.
    `says_head_dim` tells a size of heads that config.json gives from one that follows from the other sizes.
    """

    sizes: Sizes
    context: int
    norm_epsilon: float
    rope: Rope
    says_head_dim: bool
    window: int | None


def read_hyperparameters(config: Mapping[str, Any]) -> Hyperparameters:
    """Read a config's numbers.

    Raises:
        ValueError: one is missing or of the wrong type, or they don't fit each other, or something would
            change the computation that isn't carried over.
    """
    for key, plain in _PLAIN.items():
        if (value := config.get(key)) is not None and value not in plain:
            raise ValueError(f"config.json sets {key} to {value!r}, and only {plain[0]!r} is carried over")
    if "auto_map" in config:
        raise ValueError("it brings code of its own (auto_map in config.json), which isn't carried over")
    try:
        found = msgspec.convert(dict(config), _Config)
    except msgspec.ValidationError as error:
        raise ValueError(f"config.json can't be read: {error}") from error
    heads = found.num_attention_heads
    kv_heads = found.num_key_value_heads or heads
    head_dim = found.head_dim or found.hidden_size // max(heads, 1)
    counts = {
        "vocab_size": found.vocab_size,
        "hidden_size": found.hidden_size,
        "intermediate_size": found.intermediate_size,
        "num_hidden_layers": found.num_hidden_layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
    }
    if wrong := [name for name, count in counts.items() if count < 1]:
        raise ValueError(f"config.json gives less than 1 for {', '.join(wrong)}")
    if heads % kv_heads or head_dim % 2:
        raise ValueError(
            f"config.json can't be right: {heads} heads share {kv_heads} key heads, each {head_dim} wide"
        )
    return Hyperparameters(
        sizes=Sizes(
            layers=found.num_hidden_layers,
            vocabulary=found.vocab_size,
            hidden=found.hidden_size,
            inner=found.intermediate_size,
            heads=heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            tied=bool(found.tie_word_embeddings),
        ),
        context=found.max_position_embeddings,
        norm_epsilon=found.rms_norm_eps,
        rope=read_rope(config),
        says_head_dim=found.head_dim is not None,
        window=None if found.use_sliding_window is False else found.sliding_window,
    )
