"""The four seams of the service. Each has an embedded implementation and one that talks to a server."""

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from server.domain import GenerationEvent, Hit, HybridQuery, Manifest, Message, Mode, Point, Prompt


class Embedder(Protocol):
    """Text to L2-normalized float vectors of `dimensions` numbers.

    `fingerprint` changes whenever the same text would get other numbers. Blocking: call it from a worker
    thread.
    """

    fingerprint: str
    dimensions: int
    max_tokens: int

    def embed_query(self, text: str) -> tuple[float, ...]:
        """Embed a question."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Iterator[tuple[float, ...]]:
        """Embed passages in order, lazily; a text over `max_tokens` is refused with ValueError, never cut."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many of `max_tokens` a passage's text takes, prefix and special tokens included."""
        ...


class Index(Protocol):
    """Generations of points, one of them live. Blocking: call it from a worker thread."""

    def manifest(self) -> Manifest | None:
        """What is live now; None before anything has been published."""
        ...

    def publish(self, manifest: Manifest, points: Iterable[Point]) -> None:
        """Build a generation beside the live one, check it, then make it the live one in one step."""
        ...

    def search(self, query: HybridQuery) -> list[Hit]:
        """Both legs and their fusion in one call on the live generation, best first.

        Raises:
            IndexMissingError: nothing has been published.
            IndexMismatchError: the live generation was built with another encoder or other terms.
        """
        ...


class Retriever(Protocol):
    """A question to the passages that may answer it. Asynchronous: the work runs on worker threads."""

    async def search(
        self, question: str, *, limit: int, filters: Mapping[str, tuple[str, ...]] | None = None
    ) -> list[Hit]:
        """The best `limit` passages, best first."""
        ...


class Model(Protocol):
    """What reads a prompt: the model that would answer now, unchanged for as long as it is held."""

    @property
    def name(self) -> str:
        """What it is called: model-level, where it is one of ours."""
        ...

    @property
    def mode(self) -> Mode:
        """Whether a model is behind it."""
        ...

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and answer share."""
        ...

    @property
    def system(self) -> str | None:
        """The system prompt that its Modelfile sets, None without one."""
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """How many tokens the messages take as the model's own template renders them. Blocking, but brief."""
        ...


class Generator(Protocol):
    """A prompt to a stream of text."""

    def model(self, *, fresh: bool = False) -> Model:
        """Which model would answer now: to be asked anew for each question, for it may be swapped in between.

        Blocking, but brief. With `fresh` nothing is answered from memory: so it is known to be there.

        Raises:
            ModelUnavailableError: there is none, and nothing stands in for it.
        """
        ...

    def stream(self, prompt: Prompt, question: str, *, max_tokens: int) -> AsyncGenerator[GenerationEvent]:
        """Generate: perhaps one `Loading`, any number of `TextDelta`, then one `Finished`.

        Closing the generator stops the engine.

        `question` is the player's own; only a generator that works without a model needs it.
        """
        ...
