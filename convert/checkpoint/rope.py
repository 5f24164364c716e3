"""Rotary positions as config.json describes them: how fast they turn, and how they are stretched.

Two forms are about: `rope_theta` beside `rope_scaling`, and both in `rope_parameters`, as transformers has
written them since version 5.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

_DEFAULT_BASE = 10000.0


class Llama3Scaling(msgspec.Struct, frozen=True):
    """Llama 3.1's way to longer contexts: slow turns are stretched by `factor`, fast ones left as they are.

    The bounds between are wavelengths: `original_context` tokens divided by the two factors.
    """

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_context: int = msgspec.field(name="original_max_position_embeddings")


class Rope(msgspec.Struct, frozen=True):
    """Rotary positions: the base of their frequencies, and a scaling of all (`linear`) or of some of them."""

    base: float
    linear: float | None = None
    llama3: Llama3Scaling | None = None


def read_rope(config: Mapping[str, Any]) -> Rope:
    """Read a config's rotary positions.

    Raises:
        ValueError: they are scaled in a way that isn't carried over, or a number is missing.
    """
    found = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(found, Mapping):
        raise ValueError(f"rope_parameters or rope_scaling in config.json is no object: {found!r}")  # noqa: TRY004
    kind = found.get("rope_type") or found.get("type") or "default"
    base = found.get("rope_theta") or config.get("rope_theta") or _DEFAULT_BASE
    rotated = found.get("partial_rotary_factor") or config.get("partial_rotary_factor") or 1
    if rotated != 1:
        raise ValueError(f"only a part of each head is rotated (partial_rotary_factor {rotated})")
    try:
        if kind == "default":
            return msgspec.convert({"base": base}, Rope, strict=False)
        if kind == "linear":
            return Rope(base=float(base), linear=float(found["factor"]))
        if kind == "llama3":
            return msgspec.convert({"base": base, "llama3": found}, Rope, strict=False)
    except (msgspec.ValidationError, KeyError, TypeError) as error:
        raise ValueError(f"its positions ({kind}) can't be read: {error}") from error
    raise ValueError(
        f"its positions are scaled by '{kind}', and only default, linear and llama3 are carried over"
    )
