"""What can go wrong between us and Ollama, each with its own error."""

from http import HTTPStatus

import httpx
from ollama import ResponseError

from modelfiles.errors import FutFutError
from modelfiles.ollama import ALIAS
from modelfiles.ollama.errors import OllamaError, OllamaMemoryError
from modelfiles.ollama.errors import OllamaUnreachableError as NotThereError
from modelfiles.ollama.transport import refusal
from server.errors import (
    GenerationError,
    OllamaBusyError,
    OllamaConnectionLostError,
    OllamaGarbledError,
    OllamaLoadError,
    OllamaModelMissingError,
    OllamaOutOfMemoryError,
    OllamaStreamError,
    OllamaUnreachableError,
)

# What it says when a loaded model fails, which may be the first thing it says (`Completion` in
# llm/llama_server.go).
_WHILE_RUNNING = ("model runner has unexpectedly stopped", "error was encountered while running the model")
# What it says of a name whose manifest is just being written, which it does in place.
_HALF_WRITTEN = ("EOF", "unexpected EOF")


def nothing_sent(error: Exception) -> bool:
    """Whether the request was never taken up, so that it may be sent again.

    There was no connection, Ollama's queue was full, or the alias was being moved in that moment.
    """
    if isinstance(error, ResponseError):
        return error.status_code == HTTPStatus.SERVICE_UNAVAILABLE or (
            error.status_code == HTTPStatus.INTERNAL_SERVER_ERROR and error.error in _HALF_WRITTEN
        )
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)


def failure(error: Exception, begun: bool, *, url: str, model: str) -> FutFutError:
    """The error that a failure of the ollama client is.

    Args:
        error: what the client or httpx raised.
        begun: whether a line of the answer had come.
        url: of the Ollama server.
        model: what the alias that was asked for stands for.
    """
    match error:
        case ResponseError():
            return _refusal(error.error, None if begun else error.status_code, url=url, model=model)
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout():
            return OllamaUnreachableError(url, str(error) or "no answer in time")
        case httpx.HTTPError():
            return OllamaConnectionLostError(url, str(error) or type(error).__name__)
        case _:  # the client reads lines with json and pydantic, and expects objects
            return OllamaGarbledError(url, f"{type(error).__name__}: {error}".splitlines()[0])


def away(error: OllamaError, url: str) -> OllamaUnreachableError:
    """What it means to a question that Ollama couldn't be asked about its models."""
    # The reason alone: the whole message would say twice what to do, once for `futfut-convert`.
    reason = error.reason if isinstance(error, NotThereError) else str(error).removesuffix(".")
    return OllamaUnreachableError(url, reason)


def _refusal(said: str, status: int | None, *, url: str, model: str) -> FutFutError:
    """What Ollama's own error means; `status` is None or -1 where it is a line of the answer."""
    if isinstance(refusal("answering", status or HTTPStatus.OK, said), OllamaMemoryError):
        return OllamaOutOfMemoryError(model, said)
    if status is None or status < 0 or any(sign in said for sign in _WHILE_RUNNING):
        return OllamaStreamError(said)
    match status:
        case HTTPStatus.NOT_FOUND:
            return OllamaModelMissingError(url, ALIAS)
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return OllamaBusyError(url, said)
        case HTTPStatus.INTERNAL_SERVER_ERROR:
            return OllamaLoadError(model, said)
        case _:
            return GenerationError(f"Ollama refuses the request: {said} (HTTP {status})")
