"""HTTP to Ollama, with every failure translated: no httpx or JSON exception leaves this module."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import httpx
import msgspec

from modelfiles.ollama.errors import (
    OllamaMemoryError,
    OllamaModelMissingError,
    OllamaRefusedError,
    OllamaReplyError,
    OllamaSilentError,
    OllamaUnreachableError,
)
from modelfiles.ollama.wire import Refusal

CONNECT_SECONDS = 5.0
QUICK_SECONDS = 60.0
# For what takes its time with a large file: hashing, rewriting and loading it, a whole answer without a GPU.
# Ollama itself gives up on a load that makes no progress for five minutes.
LONG_SECONDS = 1800.0

# Ollama's own list, in lower case, from its `llm/status.go`; the last stands in `llm/server.go`.
_OUT_OF_MEMORY = (
    "out of memory",
    "out of device memory",
    "cudamalloc failed",
    "hipmalloc failed",
    "failed to allocate",
    "allocation failed",
    "not enough memory",
    "insufficient memory",
    "vk_error_out_of_device_memory",
    "erroroutofmemory",
    "unable to load full model",
)

T = TypeVar("T")


class Transport:
    """Requests to one Ollama server."""

    def __init__(self, url: str, *, connect_seconds: float, quick_seconds: float) -> None:
        """Args: the server; the longest wait for a connection, and for what Ollama has at hand."""
        self.url = url.rstrip("/")
        self._connect_seconds = connect_seconds
        self._quick_seconds = quick_seconds
        self._http = httpx.Client(timeout=self._within(quick_seconds))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def exists(self, path: str, doing: str) -> bool:
        """Whether HEAD answers 200 rather than 404."""
        with self._translated(doing, self._quick_seconds):
            response = self._http.head(f"{self.url}{path}")
        if response.status_code != httpx.codes.NOT_FOUND:
            self._check(response, doing, None)
        return response.status_code == httpx.codes.OK

    def call(  # noqa: PLR0913  # a request has this many parts
        self,
        method: str,
        path: str,
        doing: str,
        *,
        body: Mapping[str, object] | None = None,
        model: str | None = None,
        seconds: float | None = None,
    ) -> bytes:
        """The body of the answer to a request that succeeds.

        Args:
            method: HTTP's.
            path: such as `/api/tags`.
            doing: what this is, for the error ("listing its models").
            body: sent as JSON.
            model: the model that it is about: a 404 means that this one is missing.
            seconds: the longest silence; that of what Ollama has at hand if None.

        Raises:
            OllamaUnreachableError, OllamaSilentError: there is no answer.
            OllamaModelMissingError, OllamaMemoryError, OllamaRefusedError: it says that it failed.
        """
        content = None if body is None else msgspec.json.encode(body)
        seconds = self._quick_seconds if seconds is None else seconds
        with self._translated(doing, seconds):
            response = self._http.request(
                method, f"{self.url}{path}", content=content, timeout=self._within(seconds)
            )
        self._check(response, doing, model)
        return response.content

    def send(self, path: str, doing: str, blocks: Iterator[bytes], size: int) -> None:
        """POST a body of `size` bytes, in blocks."""
        with self._translated(doing, LONG_SECONDS):
            response = self._http.post(
                f"{self.url}{path}",
                content=blocks,
                headers={"Content-Length": str(size)},
                timeout=self._within(LONG_SECONDS),
            )
        self._check(response, doing, None)

    def lines(self, path: str, doing: str, body: Mapping[str, object]) -> Generator[bytes]:
        """POST, and yield the lines of the answer as they come."""
        request = self._http.stream(
            "POST", f"{self.url}{path}", content=msgspec.json.encode(body), timeout=self._within(LONG_SECONDS)
        )
        with self._translated(doing, LONG_SECONDS), request as response:
            if response.is_error:
                response.read()
            self._check(response, doing, None)
            for line in response.iter_lines():
                if line:
                    yield line.encode()

    def decoded(self, data: bytes, kind: type[T], doing: str) -> T:
        """An answer's JSON.

        Raises:
            OllamaReplyError: it isn't what Ollama would say.
        """
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.MsgspecError as error:
            raise OllamaReplyError(self.url, doing, f"its reply can't be read ({error})") from error

    def _check(self, response: httpx.Response, doing: str, model: str | None) -> None:
        if response.is_success:
            return
        try:
            reason = msgspec.json.decode(response.content, type=Refusal).error
        except msgspec.MsgspecError:
            reason = f"HTTP status {response.status_code}"
        if response.status_code == httpx.codes.NOT_FOUND and model is not None:
            raise OllamaModelMissingError(doing, model, reason)
        raise refusal(doing, response.status_code, reason)

    def _within(self, seconds: float) -> httpx.Timeout:
        return httpx.Timeout(seconds, connect=self._connect_seconds)

    @contextmanager
    def _translated(self, doing: str, seconds: float) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectTimeout as error:
            raise OllamaUnreachableError(
                self.url, f"no connection within {self._connect_seconds:g} s"
            ) from error
        except httpx.TimeoutException as error:
            raise OllamaSilentError(self.url, doing, seconds) from error
        except (httpx.TransportError, httpx.InvalidURL, httpx.StreamError) as error:
            raise OllamaUnreachableError(self.url, str(error) or type(error).__name__) from error
        except httpx.HTTPError as error:
            raise OllamaReplyError(self.url, doing, f"its reply can't be read ({error})") from error


def refusal(doing: str, status: int, reason: str) -> OllamaRefusedError:
    """Ollama's refusal as the error that it is, by its words."""
    if any(words in reason.lower() for words in _OUT_OF_MEMORY):
        return OllamaMemoryError(doing, status, reason)
    return OllamaRefusedError(doing, status, reason)
