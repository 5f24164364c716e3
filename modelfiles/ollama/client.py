"""Ollama's control plane: register, inspect, load, copy and remove models. Synchronous, one call a method."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Self

from modelfiles.ollama.errors import OllamaReplyError, OllamaSilentError, OllamaUnreachableError
from modelfiles.ollama.transport import CONNECT_SECONDS, LONG_SECONDS, QUICK_SECONDS, Transport, refusal
from modelfiles.ollama.wire import (
    Answer,
    Loaded,
    Message,
    Processes,
    Rendered,
    Shown,
    Status,
    Tag,
    Tags,
    canonical,
)
from modelfiles.progress import Advance

_POLL_SECONDS = 0.25
_BLOCK = 1 << 20


class Ollama:
    """One Ollama server. Close it, or use it as a context manager.

    Any call raises, beside what it says itself, `OllamaUnreachableError`, `OllamaSilentError`,
    `OllamaRefusedError` or `OllamaReplyError`; one that names a model, `OllamaModelMissingError`.
    """

    def __init__(
        self, url: str, *, connect_seconds: float = CONNECT_SECONDS, quick_seconds: float = QUICK_SECONDS
    ) -> None:
        """Args: the server; the longest wait for a connection, and for what Ollama has at hand."""
        self._transport = Transport(url, connect_seconds=connect_seconds, quick_seconds=quick_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return self._transport.url

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def wait(self, seconds: float) -> None:
        """Wait until it answers, for `seconds` at most; it is asked once even if that is 0.

        Raises:
            OllamaUnreachableError, OllamaSilentError: it doesn't.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._transport.call("GET", "/api/version", "saying its version")
            except (OllamaUnreachableError, OllamaSilentError):
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_POLL_SECONDS)
            else:
                return

    def tags(self) -> dict[str, Tag]:
        """Every model that it has, by canonical name."""
        doing = "listing its models"
        listed = self._transport.decoded(self._transport.call("GET", "/api/tags", doing), Tags, doing)
        return {canonical(tag.name): tag for tag in listed.models}

    def loaded(self) -> list[Loaded]:
        """The models in memory. While one is on its way there, this returns when it has arrived."""
        doing = "listing what is loaded"
        data = self._transport.call("GET", "/api/ps", doing, seconds=LONG_SECONDS)
        return self._transport.decoded(data, Processes, doing).models

    def show(self, name: str, *, verbose: bool = False) -> Shown:
        """What a model was created from; with its whole vocabulary if `verbose`, some megabytes."""
        doing, body = f"showing {name}", {"model": name, "verbose": verbose}
        data = self._transport.call("POST", "/api/show", doing, body=body, model=name)
        return self._transport.decoded(data, Shown, doing)

    def has_blob(self, sha256: str) -> bool:
        """Whether it has a file of these bytes."""
        return self._transport.exists(f"/api/blobs/sha256:{sha256}", "looking for a file")

    def upload(self, file: Path, sha256: str, advance: Advance) -> None:
        """Send it a file, in blocks; it checks the hash itself.

        Raises:
            OllamaRefusedError: other bytes arrived than `sha256` says, or there is no room for them.
            OSError: the file can't be read.
        """

        def blocks() -> Iterator[bytes]:
            with file.open("rb") as data:
                while block := data.read(_BLOCK):
                    yield block
                    advance(len(block))

        path = f"/api/blobs/sha256:{sha256}"
        self._transport.send(path, f"taking {file.name}", blocks(), file.stat().st_size)

    def create(self, name: str, request: Mapping[str, object], say: Callable[[str], None]) -> None:
        """Create a model, or replace it, from files that it has. `say` is told its steps.

        Raises:
            OllamaRefusedError: it can't; it may say so in the middle of a reply that began well.
            OllamaReplyError: the reply ends with neither success nor an error.
        """
        doing, body = f"creating {name}", {**request, "model": name, "stream": True}
        with closing(self._transport.lines("/api/create", doing, body)) as lines:
            for line in lines:
                status = self._transport.decoded(line, Status, doing)
                if status.error:
                    raise refusal(doing, 200, status.error)
                if status.status == "success":
                    return
                say(status.status)
        raise OllamaReplyError(self.url, doing, "its reply ends without success or an error")

    def copy(self, source: str, destination: str) -> None:
        """Give a model a second name; no file is copied, and who asks for that name has the model at once."""
        doing, body = f"copying {source} to {destination}", {"source": source, "destination": destination}
        self._transport.call("POST", "/api/copy", doing, body=body, model=source)

    def delete(self, name: str) -> None:
        """Remove a name, and the files that no other name needs."""
        self._transport.call("DELETE", "/api/delete", f"removing {name}", body={"model": name}, model=name)

    def load(self, name: str) -> None:
        """Bring a model into memory; returns when it is there, which takes minutes for a large one.

        Raises:
            OllamaMemoryError: there isn't room for it.
        """
        body = {"model": name, "stream": False}
        doing = f"loading {name}"
        self._transport.call("POST", "/api/generate", doing, body=body, model=name, seconds=LONG_SECONDS)

    def unload(self, name: str) -> None:
        """Let a model leave memory once the answers that it is at are finished; returns before that."""
        body = {"model": name, "stream": False, "keep_alive": 0}
        self._transport.call("POST", "/api/generate", f"unloading {name}", body=body, model=name)

    def render(self, name: str, messages: Sequence[Message]) -> str:
        """The prompt that it would give the model for a conversation; loads the model.

        Raises:
            OllamaMemoryError: there isn't room for it.
        """
        doing = f"rendering a prompt for {name}"
        data = self._chat(doing, name, messages, {"_debug_render_only": True})
        return self._transport.decoded(data, Rendered, doing).debug_info.rendered_template

    def chat(self, name: str, messages: Sequence[Message], options: Mapping[str, object]) -> Answer:
        """A whole answer; loads the model.

        Raises:
            OllamaMemoryError: there isn't room for it.
        """
        doing = f"answering as {name}"
        return self._transport.decoded(self._chat(doing, name, messages, {"options": options}), Answer, doing)

    def _chat(self, doing: str, name: str, messages: Sequence[Message], more: Mapping[str, object]) -> bytes:
        body = {"model": name, "messages": messages, "stream": False, **more}
        return self._transport.call("POST", "/api/chat", doing, body=body, model=name, seconds=LONG_SECONDS)
