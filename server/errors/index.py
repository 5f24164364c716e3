"""What stands between a question and the passages: the encoder and the index."""

from pathlib import Path

from modelfiles.errors import FutFutError


class EncoderMissingError(FutFutError):
    """The ONNX encoder isn't where the settings say it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        home = path.parent.parent
        super().__init__(
            f"No encoder at {path}. Fetch and build it with: "
            f"futfut-convert fetch --home {home} && futfut-convert embedder --home {home}"
        )


class EncoderDamagedError(FutFutError):
    """The encoder's folder is there, but its files aren't the ones that were built."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(
            f"The encoder at {path} is damaged: {reason}. Build it again with: futfut-convert embedder"
        )


class IndexMissingError(FutFutError):
    """Nothing has been indexed yet."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(f"No index at {where}. Build it with: futfut index --corpus corpus")


class IndexMismatchError(FutFutError):
    """The live index was built by another encoder or other terms than the ones in use."""

    def __init__(self, part: str, built_with: str, in_use: str) -> None:
        self.part = part
        self.built_with = built_with
        self.in_use = in_use
        super().__init__(
            f"The index was built with {part} {built_with}, but {in_use} is in use; "
            f"their numbers can't be compared. "
            f"Rebuild it with: futfut index --corpus corpus"
        )


class IndexBusyError(FutFutError):
    """Another process is building an index in the same home."""

    def __init__(self, lock: Path) -> None:
        self.lock = lock
        super().__init__(
            f"Another `futfut index` is at work (it holds {lock}). Wait for it to finish, then try again."
        )


class IndexDamagedError(FutFutError):
    """A generation of the index can't be opened, or doesn't hold what its manifest says."""

    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        self.reason = reason
        super().__init__(
            f"The index at {where} can't be used: {reason}. "
            f"Delete it, then rebuild it with: futfut index --corpus corpus"
        )


class IndexUnreachableError(FutFutError):
    """The Qdrant server doesn't answer, or answers with an error."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(
            f"The Qdrant server at {url} can't be used: {reason}. Check FUTFUT_QDRANT_URL and the server."
        )
