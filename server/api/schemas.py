"""What goes over the wire. Unknown fields are refused, so that a misspelt one is never silently ignored."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from server.domain import Done, FinishReason, Hit, Mode
from server.index.points import check_filters
from server.model_swaps import State, SwapStatus

Text = Annotated[str, Meta(min_length=1, pattern=r"\S")]
Filters = dict[str, Text | Annotated[list[Text], Meta(min_length=1)]]


class QueryRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """One question."""

    query: Text


class ChatMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """One turn of the conversation. The system prompt is the server's own, hence no such role."""

    role: Literal["user", "assistant"]
    content: Text


class ChatRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A conversation whose last message is the player's question."""

    messages: Annotated[list[ChatMessage], Meta(min_length=1)]
    stream: bool = False
    rag: bool = True
    filters: Filters | None = None


class SearchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A search for passages, without an answer."""

    query: Text
    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    filters: Filters | None = None


class PassageOut(Struct, frozen=True):
    """A passage that was found. Ranks count from 1 and are null where that leg didn't find it."""

    id: str
    text: str
    source: str
    title: str
    locator: str
    score: float
    lexical_rank: int | None
    dense_rank: int | None

    @classmethod
    def of(cls, hit: Hit) -> "PassageOut":
        """The wire's shape of a hit."""
        passage = hit.passage
        return cls(
            id=passage.id,
            text=passage.text,
            source=passage.source,
            title=passage.title,
            locator=passage.locator,
            score=hit.score,
            lexical_rank=hit.lexical_rank,
            dense_rank=hit.dense_rank,
        )


class SearchResponse(Struct, frozen=True):
    """Passages, best first."""

    passages: list[PassageOut]


class QueryResponse(Struct, frozen=True):
    """An answer and what it is made from."""

    response: str
    sources: list[PassageOut]


class UsageOut(Struct, frozen=True):
    """Tokens read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class DoneOut(Struct, frozen=True):
    """How an answer ended; `left_out` are passages that were found but had no room in the prompt.

    `mode` says whose words it has: `model`, or `extractive` for the passages' own, where no model is at hand
    or what it said isn't what the passages say.
    """

    finish_reason: FinishReason
    mode: Mode
    usage: UsageOut
    timings: dict[str, float]
    left_out: list[PassageOut]

    @classmethod
    def of(cls, done: Done) -> "DoneOut":
        """The wire's shape of the last event."""
        usage = done.usage
        return cls(
            finish_reason=done.reason,
            mode=done.mode,
            usage=UsageOut(
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                total_tokens=usage.prompt_tokens + usage.completion_tokens,
            ),
            timings=dict(done.timings),
            left_out=[PassageOut.of(hit) for hit in done.left_out],
        )


class ChatResponse(Struct, frozen=True):
    """The whole answer at once, for clients that don't stream."""

    message: ChatMessage
    sources: list[PassageOut]
    done: DoneOut


class QueueOut(Struct, frozen=True):
    """The `queue` event: the next to be answered has place 1."""

    place: int


class LoadingOut(Struct, frozen=True):
    """The `loading` event: the model is being loaded."""

    model: str


class SourcesOut(Struct, frozen=True):
    """The `sources` event."""

    sources: list[PassageOut]


class TokenOut(Struct, frozen=True):
    """The `token` event."""

    text: str


class Liveness(Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Struct, frozen=True):
    """What answers questions right now."""

    status: Literal["ready"]
    generation: str
    passages: int
    encoder: str
    model: str
    mode: Mode


class SwapRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Another model, by its name in the catalogue, or the one that was live before: one of the two."""

    model: Text | None = None
    rollback: bool = False


class LiveModelOut(Struct, frozen=True):
    """The model that answers. `model` and `level` are known of the catalogue's, the digest is Ollama's."""

    name: str
    digest: str | None
    model: str | None
    level: str | None
    context_tokens: int | None
    since: datetime
    previous: str | None


class SwapOut(Struct, frozen=True):
    """A swap, under way or over. `step` is what it does or did last, `reason` why it failed."""

    asked_for: str
    state: State
    step: str
    started: datetime
    ended: datetime | None
    reason: str | None

    @classmethod
    def of(cls, status: SwapStatus) -> "SwapOut":
        """The wire's shape of a swap."""
        return cls(status.asked_for, status.state, status.step, status.started, status.ended, status.reason)


class ModelStatus(Struct, frozen=True):
    """What answers, and the swap that is under way or was the last. The embedded engine never swaps."""

    engine: Literal["ollama", "embedded"]
    live: LiveModelOut | None
    swap: SwapOut | None


def as_filters(filters: Filters | None) -> dict[str, tuple[str, ...]]:
    """Filters as the retriever takes them: a single value is a list of one.

    Raises:
        UnknownFilterError: a field that can't be filtered on, also where no search would have told.
    """
    as_given = filters or {}
    listed = {
        field: (values,) if isinstance(values, str) else tuple(values) for field, values in as_given.items()
    }
    check_filters(listed)
    return listed
