"""What can be wrong with a checkpoint that is to be converted."""

from collections.abc import Sequence
from pathlib import Path

from modelfiles.errors import FutFutError


class CheckpointError(FutFutError):
    """A folder isn't a checkpoint that can be converted: each of its problems, and what to do about it."""

    def __init__(self, folder: Path, problems: Sequence[str]) -> None:
        self.folder = folder
        self.problems = tuple(problems)
        listed = "".join(f"\n- {problem}" for problem in self.problems)
        super().__init__(f"{folder} can't be converted:{listed}")


class WeightRangeError(FutFutError):
    """A weight doesn't fit the numbers that it is to be stored as. `largest` is the greatest magnitude."""

    def __init__(self, tensor: str, largest: float, output: str) -> None:
        self.tensor = tensor
        self.largest = largest
        self.output = output
        super().__init__(
            f"{tensor} holds {largest:g}, which {output} can't: its numbers end at 65504. "
            f"Convert with: --type bf16"
        )


class NotANumberError(FutFutError):
    """A weight is infinite or no number at all."""

    def __init__(self, tensor: str) -> None:
        self.tensor = tensor
        super().__init__(
            f"{tensor} holds weights that are infinite or no numbers at all: the training went wrong there. "
            f"Take an earlier checkpoint of it."
        )
