"""The levels that llama.cpp can quantize to, under the names that files and Modelfiles carry them by."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from convert.errors import UnknownLevelError


class QuantLevel(msgspec.Struct, frozen=True):
    """One level.

    Attributes:
        ftype: llama.cpp's number for it (`enum llama_ftype` in llama.h; `general.file_type` in a GGUF file).
        bits_per_weight: over all tensors of Llama-3.1-8B, as `llama-quantize --dry-run` counts them; models
            with another share of embeddings differ by a few per cent, small ones by more.
        needs_imatrix: whether llama.cpp refuses to make it without an importance matrix.
    """

    ftype: int
    bits_per_weight: float
    needs_imatrix: bool = False


# From exact to coarse. Left out: mxfp4_moe, which is q8_0 for a model without experts, and nvfp4, which
# llama.cpp reads but doesn't make.
LEVELS: Mapping[str, QuantLevel] = MappingProxyType(
    {
        "f32": QuantLevel(0, 32.0),
        "bf16": QuantLevel(32, 16.0),
        "f16": QuantLevel(1, 16.0),
        "q8_0": QuantLevel(7, 8.5),
        "q6_k": QuantLevel(18, 6.56),
        "q5_1": QuantLevel(9, 6.04),
        "q5_k_m": QuantLevel(17, 5.7),
        "q5_k_s": QuantLevel(16, 5.57),
        "q5_0": QuantLevel(8, 5.57),
        "q4_1": QuantLevel(3, 5.1),
        "q4_k_m": QuantLevel(15, 4.89),
        "iq4_nl": QuantLevel(25, 4.68),
        "q4_k_s": QuantLevel(14, 4.67),
        "q4_0": QuantLevel(2, 4.64),
        "iq4_xs": QuantLevel(30, 4.46),
        "q3_k_l": QuantLevel(13, 4.3),
        "q3_k_m": QuantLevel(12, 4.0),
        "iq3_m": QuantLevel(27, 3.76),
        "iq3_s": QuantLevel(26, 3.66),
        "q3_k_s": QuantLevel(11, 3.64),
        "iq3_xs": QuantLevel(22, 3.5, needs_imatrix=True),
        "iq3_xxs": QuantLevel(23, 3.37, needs_imatrix=True),
        "q2_k": QuantLevel(10, 3.16),
        "q2_k_s": QuantLevel(21, 2.97, needs_imatrix=True),
        "iq2_m": QuantLevel(29, 2.93, needs_imatrix=True),
        "iq2_s": QuantLevel(28, 2.74, needs_imatrix=True),
        "q2_0": QuantLevel(41, 2.68),
        "iq2_xs": QuantLevel(20, 2.59, needs_imatrix=True),
        "tq2_0": QuantLevel(37, 2.52),
        "iq2_xxs": QuantLevel(19, 2.38, needs_imatrix=True),
        "tq1_0": QuantLevel(36, 2.19),
        "iq1_m": QuantLevel(31, 2.15, needs_imatrix=True),
        "iq1_s": QuantLevel(24, 2.0, needs_imatrix=True),
        "q1_0": QuantLevel(40, 1.48),
    }
)


def require_known(levels: Iterable[str]) -> None:
    """Make sure that llama.cpp has these levels.

    Raises:
        UnknownLevelError: it hasn't; lists those it has.
    """
    if unknown := [level for level in levels if level not in LEVELS]:
        raise UnknownLevelError(unknown, tuple(LEVELS))
