"""How many weights a model has, told by its config.json alone: before a checkpoint of many GB is fetched."""

import math
from collections.abc import Mapping
from typing import Any

from convert.checkpoint.hyperparameters import read_hyperparameters
from convert.checkpoint.open import architecture_of, quantized_by_config


def weights_of(config: Mapping[str, Any]) -> int:
    """The number of weights, embeddings and norms included.

    Raises:
        ValueError: the model can't be converted; says why.
    """
    architecture = architecture_of(config)
    if problem := quantized_by_config(config):
        raise ValueError(problem)
    sizes = read_hyperparameters(config).sizes
    return sum(math.prod(tensor.shape) for tensor in architecture.tensors(sizes))
