"""What can go wrong while the sentence encoder is built."""

from collections.abc import Sequence
from pathlib import Path

from modelfiles.errors import FutFutError


class EncoderSourceError(FutFutError):
    """The encoder's weights or vocabulary can't be used; `problems` names each thing that is wrong."""

    def __init__(self, source: Path, problems: Sequence[str]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__(
            f"The encoder can't be built from {source}: {'; '.join(self.problems)}. "
            f"Fetch it again with: futfut-convert fetch e5-small"
        )
