"""What can go wrong while levels are verified."""

import signal
from collections.abc import Sequence
from pathlib import Path

from modelfiles.errors import FutFutError


class NothingToVerifyError(FutFutError):
    """There is no level to measure, or none to measure it against. `found` are the files that are there."""

    def __init__(self, model: str, models_dir: Path, found: Sequence[Path]) -> None:
        self.model = model
        self.models_dir = models_dir
        self.found = tuple(found)
        there = f"only {self.found[0].name} is" if self.found else f"no {model}-*.gguf is"
        super().__init__(
            f"{model} can't be verified: {there} in {models_dir}, and it takes a level and a more exact one "
            f"to measure it against. Make more with futfut-convert quantize, or name a file with --against."
        )


class LevelMissingError(FutFutError):
    """A model file that is to be verified isn't there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"There is no {path}. Name a model of models.toml, or model files that are there.")


class VerifyTextError(FutFutError):
    """The text to measure on can't be used."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path} can't be measured on: {reason}. Name a file or folder of text with --text.")


class TextTooShortError(FutFutError):
    """The text has too few tokens for figures that mean something."""

    def __init__(self, tokens: int, needed: int) -> None:
        self.tokens = tokens
        self.needed = needed
        super().__init__(
            f"The text has {tokens:,} tokens, and it takes {needed:,} to measure anything. "
            f"Name more text with --text."
        )


class VocabularyMismatchError(FutFutError):
    """A level doesn't have the vocabulary of the reference; `difference` says where they part."""

    def __init__(self, level: Path, reference: Path, difference: str) -> None:
        self.level = level
        self.reference = reference
        self.difference = difference
        super().__init__(
            f"{level} can't be compared with {reference}: {difference}. They aren't levels of the same "
            f"model; name the right one with --against."
        )


class ContextTooShortError(FutFutError):
    """A model reads less at a time than a window of the measurement. Both are in tokens."""

    def __init__(self, path: Path, context: int, window: int) -> None:
        self.path = path
        self.context = context
        self.window = window
        super().__init__(
            f"{path} reads {context} tokens at a time, and it is measured in windows of {window}: "
            f"verification isn't made for a model like that."
        )


class MeasureError(FutFutError):
    """llama.cpp can't run a model. `said` are its own words."""

    def __init__(self, path: Path, said: Sequence[str]) -> None:
        self.path = path
        self.said = tuple(said)
        super().__init__(
            f"{path} can't be measured. llama.cpp says: {'; '.join(self.said) or 'nothing'}. If the file is "
            f"damaged or cut off, make it again."
        )


class NoNumbersError(FutFutError):
    """llama.cpp runs a model, but what it predicts is NaN, infinite, or as far off as that."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"llama.cpp computes no numbers with {path}, only NaN or what is as good as infinite. Some of "
            f"its weights are too large for 16 bits, or damaged: convert the checkpoint again with --type "
            f"bf16 or f32, and make the levels from that."
        )


class MeasureKilledError(FutFutError):
    """The process that measured was ended from outside. `number` is the signal's."""

    def __init__(self, path: Path, number: int) -> None:
        self.path = path
        self.number = number
        cause = (
            "That is what the system does when memory runs out: end other programs, give the container more "
            "memory, or verify smaller levels"
            if number == signal.SIGKILL
            else "If nobody ended it, the file or llama.cpp is at fault"
        )
        super().__init__(
            f"The process that measured {path} was ended by {signal.Signals(number).name}. {cause}; then run "
            f"the same command again."
        )
