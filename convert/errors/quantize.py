"""What can go wrong while a model is quantized."""

import signal
from collections.abc import Sequence
from pathlib import Path

from modelfiles.errors import FutFutError


class UnknownLevelError(FutFutError):
    """llama.cpp has no such levels."""

    def __init__(self, levels: Sequence[str], known: Sequence[str]) -> None:
        self.levels = tuple(levels)
        self.known = tuple(known)
        super().__init__(
            f"There is no level called {', '.join(map(repr, self.levels))}. llama.cpp has: "
            f"{', '.join(self.known)}. If in doubt, take q4_k_m."
        )


class SameLevelError(FutFutError):
    """What is asked for is what the source is already."""

    def __init__(self, source: Path, level: str) -> None:
        self.source = source
        self.level = level
        super().__init__(f"{source} is {level} already: there is nothing to quantize. Ask for other levels.")


class AlreadyQuantizedError(FutFutError):
    """The source has lost precision before. `types` are those of its tensors, as llama.cpp calls them."""

    def __init__(self, source: Path, types: Sequence[str]) -> None:
        self.source = source
        self.types = tuple(types)
        super().__init__(
            f"{source} is quantized already ({', '.join(self.types)}): quantized again it would be worse "
            f"than the level says. Quantize the f16 file that it was made from, or insist with --requantize."
        )


class UnusableSourceError(FutFutError):
    """llama.cpp can't quantize this file to anything. `said` are its own words."""

    def __init__(self, source: Path, said: Sequence[str]) -> None:
        self.source = source
        self.said = tuple(said)
        super().__init__(
            f"{source} can't be quantized. llama.cpp says: {_quoted(self.said)}. If the file is damaged or "
            f"cut off, make it again with futfut-convert gguf, or copy it again."
        )


class NoQuantizeSourceError(FutFutError):
    """There is no file of full precision to quantize from. `tried` are the places looked at."""

    def __init__(self, model: str, tried: Sequence[Path]) -> None:
        self.model = model
        self.tried = tuple(tried)
        super().__init__(
            f"There is no file to quantize {model} from: neither {' nor '.join(map(str, self.tried))}. "
            f"Make one with: futfut-convert gguf {model}"
        )


class ImatrixNeededError(FutFutError):
    """These levels have so few bits that llama.cpp must be told which weights matter."""

    def __init__(self, levels: Sequence[str]) -> None:
        self.levels = tuple(levels)
        super().__init__(
            f"{', '.join(self.levels)} can't be made without an importance matrix: with so few bits "
            f"llama.cpp must know which weights matter. Make one with llama.cpp's llama-imatrix on Korean "
            f"text and name it with --imatrix, or take a level that needs none, such as q3_k_m or q2_k."
        )


class ImatrixError(FutFutError):
    """A file isn't an importance matrix that can be used. `problems` names each thing that is wrong."""

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        super().__init__(
            f"{path} can't be used as an importance matrix: {'; '.join(self.problems)}. Make one for this "
            f"very model with llama.cpp's llama-imatrix, or quantize without."
        )


class QuantizeError(FutFutError):
    """llama.cpp gave up. `said` are its own words."""

    def __init__(self, source: Path, level: str, said: Sequence[str]) -> None:
        self.source = source
        self.level = level
        self.said = tuple(said)
        super().__init__(
            f"{source} couldn't be quantized to {level}. llama.cpp says: {_quoted(self.said)}. Nothing "
            f"half-made was left behind. If its weights are at fault, make {source.name} again."
        )


class WorkerKilledError(FutFutError):
    """The process that quantized was ended from outside, or crashed. `number` is the signal's."""

    def __init__(self, source: Path, level: str, number: int) -> None:
        self.source = source
        self.level = level
        self.number = number
        name = signal.Signals(number).name
        cause = (
            "That is what the system does when memory runs out: end other programs, or give the container "
            "more memory"
            if number == signal.SIGKILL
            else "If nobody ended it, the file or llama.cpp is at fault: try another level"
        )
        super().__init__(
            f"The process that quantized {source} to {level} was ended by {name}. {cause}; then run the "
            f"same command again. Nothing half-made was left behind."
        )


class WorkerBrokenError(FutFutError):
    """The process that quantizes failed before llama.cpp could. `said` is its traceback."""

    def __init__(self, said: Sequence[str]) -> None:
        self.said = tuple(said)
        super().__init__(
            f"The process that quantizes doesn't work: {self.said[-1] if said else 'it says nothing'}. "
            f"That is no fault of the model: install futfut and llama-cpp-python again."
        )


class DiskFullError(FutFutError):
    """A file couldn't be written to its end. `reason` is the system's; `needed` is in bytes."""

    def __init__(self, path: Path, needed: int, reason: str) -> None:
        self.path = path
        self.needed = needed
        self.reason = reason
        super().__init__(
            f"{path} couldn't be written to its end: {reason}. It needs {needed / 1e6:,.0f} MB: make room, "
            f"then run the same command again. Nothing half-made was left behind."
        )


def _quoted(said: Sequence[str]) -> str:
    return "; ".join(said) if said else "nothing"
