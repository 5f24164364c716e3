"""What can go wrong between us and an Ollama server, each saying what to do about it."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from modelfiles.errors import FutFutError
from modelfiles.ollama.wire import ALIAS


class OllamaError(FutFutError):
    """Base of the errors of this package."""


class OllamaUnreachableError(OllamaError):
    """Nothing answers at `url`, or the connection was lost."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(
            f"Ollama doesn't answer at {url} ({reason}). Start it with `ollama serve` or "
            f"`docker compose up -d ollama`; if it is elsewhere, name the place with --ollama or "
            f"FUTFUT_OLLAMA_URL."
        )


class OllamaSilentError(OllamaError):
    """It is connected, but has said nothing for `seconds` while it should have been `doing` something."""

    def __init__(self, url: str, doing: str, seconds: float) -> None:
        self.url = url
        self.doing = doing
        self.seconds = seconds
        super().__init__(
            f"Ollama at {url} has said nothing for {seconds:,.0f} s while {doing}. Its log may say why."
        )


class OllamaRefusedError(OllamaError):
    """It refuses, with a `reason` in its own words. `status` is HTTP's, 200 where it failed on the way."""

    def __init__(self, doing: str, status: int, reason: str, message: str | None = None) -> None:
        self.doing = doing
        self.status = status
        self.reason = reason
        super().__init__(message or f"Ollama refuses while {doing}: {reason}")


class OllamaModelMissingError(OllamaRefusedError):
    """It has no model of this name."""

    def __init__(self, doing: str, name: str, reason: str) -> None:
        self.name = name
        # The alias isn't registered, and what has a tag of ours is registered without it.
        stem = name.partition(":")[0]
        how = (
            "Choose one: futfut-convert use mini"
            if stem == ALIAS
            else f"Register it with: futfut-convert register {stem}"
        )
        message = f"Ollama has no model {name}. {how}"
        super().__init__(doing, 404, reason, message)


class OllamaMemoryError(OllamaRefusedError):
    """There isn't enough memory for the model."""

    def __init__(self, doing: str, status: int, reason: str) -> None:
        message = f"Ollama runs out of memory while {doing}: {reason}. Choose a smaller level or model."
        super().__init__(doing, status, reason, message)


class OllamaReplyError(OllamaError):
    """What answers doesn't speak as Ollama does."""

    def __init__(self, url: str, doing: str, what: str) -> None:
        self.url = url
        self.doing = doing
        self.what = what
        super().__init__(
            f"What answers at {url} doesn't speak as Ollama does: while {doing}, {what}. "
            f"Is it another program, or a version of Ollama that FutFut doesn't know?"
        )


class ModelSourceError(OllamaError):
    """A model can't be registered as its Modelfile stands."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name} can't be registered: {reason}")


class ModelNotHereError(ModelSourceError):
    """The model's file, or its adapter's, isn't in the models folder. `how` says how to have it."""

    def __init__(self, name: str, path: Path, how: str) -> None:
        self.path = path
        self.how = how
        super().__init__(name, f"there is no {path}. {how}")


class VerdictError(OllamaError):
    """A model isn't registered, since a file of it failed verification for `reasons`."""

    def __init__(self, name: str, reasons: Sequence[str]) -> None:
        self.name = name
        self.reasons = tuple(reasons)
        super().__init__(
            f"{name} failed verification: {'; '.join(self.reasons)}. Take a level with more bits a weight, "
            f"or insist with: futfut-convert register {name} --accept-failed"
        )


class GateError(OllamaError):
    """A model that Ollama has taken doesn't do what it must; it isn't kept. `reasons` names each thing."""

    def __init__(self, name: str, reasons: Sequence[str]) -> None:
        self.name = name
        self.reasons = tuple(reasons)
        lines = "".join(f"\n- {reason}" for reason in self.reasons)
        super().__init__(f"{name} isn't fit to answer players and isn't taken:{lines}")


class SwapUnderWayError(OllamaError):
    """Another process is registering or swapping models. `since` is when it began, if it has said so."""

    def __init__(self, lock: Path, since: datetime | None, doing: str) -> None:
        self.lock = lock
        self.since = since
        self.doing = doing
        begun = f" since {since:%Y-%m-%d %H:%M:%S %Z}" if since else ""
        super().__init__(f"Another process is {doing}{begun} (it holds {lock}). Wait for it, then try again.")


class AuditError(OllamaError):
    """A line of the audit log couldn't be written. `happened` says what it would have told."""

    def __init__(self, path: Path, reason: str, happened: str) -> None:
        self.path = path
        self.reason = reason
        self.happened = happened
        super().__init__(
            f"{happened}, but that couldn't be written to {path} ({reason}). "
            f"Make room there, or make it writable."
        )


class NoWayBackError(OllamaError):
    """There is no previous model to return to."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"There is nothing to go back to: {reason}. Choose one: futfut-convert use mini")
