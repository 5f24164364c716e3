"""The base of every error that is meant to be read by a person, and the errors of this package."""

from pathlib import Path


class FutFutError(Exception):
    """Base of all errors raised on purpose: one message that says what happened and what to do."""


class ModelfileError(FutFutError):
    """A Modelfile that Ollama would refuse. `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(f"Modelfile, line {line}: {reason}")


class ModelFileError(FutFutError):
    """A model's file isn't a GGUF file that can be read."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path} can't be read as a GGUF file: {reason}.")


class ChatTemplateError(FutFutError):
    """A checkpoint's chat template can't render a conversation."""


class CatalogError(FutFutError):
    """models.toml can't be read, or names something it doesn't describe."""
