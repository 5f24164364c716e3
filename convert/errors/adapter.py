"""What can go wrong with a LoRA adapter."""

from collections.abc import Sequence
from pathlib import Path

from modelfiles.errors import FutFutError


class AdapterError(FutFutError):
    """A LoRA adapter can't be used; `problems` names each thing that is wrong, and what to do about it."""

    def __init__(self, folder: Path, problems: Sequence[str]) -> None:
        self.folder = folder
        self.problems = tuple(problems)
        listed = "".join(f"\n- {problem}" for problem in self.problems)
        super().__init__(f"The adapter in {folder} can't be used:{listed}")
