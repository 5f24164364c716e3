"""The base of every error that is meant to be read by a person, and the errors of this package."""


class FutFutError(Exception):
    """Base of all errors raised on purpose: one message that says what happened and what to do."""


class ModelfileError(FutFutError):
    """A Modelfile that Ollama would refuse. `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(f"Modelfile, line {line}: {reason}")


class CatalogError(FutFutError):
    """models.toml can't be read, or names something it doesn't describe."""
