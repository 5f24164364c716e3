"""Where and how the work is done."""

from pathlib import Path

import msgspec

from convert.verify.windows import Sample


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """How the steps are done.

    Attributes:
        home: where checkpoints/, models/ and reports/ are.
        text: a file or folder of text that levels are measured on.
        sample: how much of it.
        imatrix: an importance matrix.
        threads: to compute on; all cores if None.
        accept_failed: register also what fails verification.
    """

    home: Path
    text: Path
    sample: Sample
    imatrix: Path | None = None
    threads: int | None = None
    accept_failed: bool = False

    @property
    def models_dir(self) -> Path:
        """Where model files and their Modelfiles go."""
        return self.home / "models"
