"""What is known of each kind of model that can be converted: one table a module."""

from convert.architectures.llama import LLAMA
from convert.architectures.mistral import MISTRAL
from convert.architectures.qwen2 import QWEN2
from convert.architectures.table import Architecture, PlannedTensor, Sizes, Weight

ARCHITECTURES: dict[str, Architecture] = {each.name: each for each in (LLAMA, MISTRAL, QWEN2)}

__all__ = ["ARCHITECTURES", "Architecture", "PlannedTensor", "Sizes", "Weight"]
