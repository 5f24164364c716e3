"""What can be wrong with what `futfut-convert all` is asked for."""

from collections.abc import Mapping
from pathlib import Path

from modelfiles.errors import FutFutError


class OrderError(FutFutError):
    """It can't be done as it is asked for."""


class NoBaseError(FutFutError):
    """An adapter in `folder` names no repository that it was trained on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder} holds an adapter, and doesn't name the repository that it was trained on. "
            f"Say which checkpoint that is, with --base."
        )


class NoAdapterError(FutFutError):
    """A `base` is named for what is no adapter: the weights in `folder` are whole."""

    def __init__(self, folder: Path, base: str) -> None:
        self.folder = folder
        self.base = base
        super().__init__(
            f"The weights in {folder} are whole: there is nothing to merge into {base}. Leave --base out, or "
            f"name the adapter with --from."
        )


class NothingPassedError(FutFutError):
    """No level of `name` passed verification."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"No level of {name} passed verification, so none was registered. Ask for one with more bits a "
            f"weight, look at the checkpoint itself if even that fails, or insist with --accept-failed."
        )


class NotRegisteredError(FutFutError):
    """Ollama, or the gate before it, has refused levels; `refused` says why, by name."""

    def __init__(self, refused: Mapping[str, str]) -> None:
        self.refused = dict(refused)
        super().__init__(
            f"Not registered: {', '.join(self.refused)}. The files are there; when the reason is mended, the "
            f"same command goes on from there."
        )
