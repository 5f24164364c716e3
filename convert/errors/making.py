"""What can go wrong with any file that is made."""

from pathlib import Path

from modelfiles.errors import FutFutError


class ForeignFileError(FutFutError):
    """Where a file is to be made there is one that wasn't made here: it may be all that its owner has."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path} wasn't made here, so it is left alone. To have it made, move it away or "
            f"remove it, then run the same command again."
        )
