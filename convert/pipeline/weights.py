"""How many weights a model has, told by its config.json alone: before a checkpoint of many GB is fetched."""

import math
from collections.abc import Mapping
from typing import Any

from convert.architectures import ARCHITECTURES
from convert.checkpoint.hyperparameters import read_hyperparameters
from convert.checkpoint.open import TAKE_FULL_WEIGHTS


def weights_of(config: Mapping[str, Any]) -> int:
    """The number of weights, embeddings and norms included.

    Raises:
        ValueError: the model can't be converted; says why.
    """
    named = (config.get("architectures") or ["none"])[0]
    if named not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ValueError(f"its architecture is {named}, and only {known} can be converted here")
    if config.get("quantization_config") is not None:
        raise ValueError(f"it is quantized already. {TAKE_FULL_WEIGHTS}")
    sizes = read_hyperparameters(config).sizes
    return sum(math.prod(tensor.shape) for tensor in ARCHITECTURES[named].tensors(sizes))
