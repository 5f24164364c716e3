"""`POST /chat`, whole or as server-sent events, and `POST /query`, the first version's endpoint."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from litestar import post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import Body
from litestar.response import ServerSentEvent

from server.api.schemas import (
    ChatMessage,
    ChatRequest,
    ChatResponse,
    DoneOut,
    PassageOut,
    QueryRequest,
    QueryResponse,
    as_filters,
)
from server.api.sse import event_stream
from server.chat import Chat
from server.domain import ChatEvent, Done, Message, Sources, Token
from server.errors import ConversationTooLongError, MessageTooLongError, NoQuestionError
from server.settings import Settings


@post(
    "/chat",
    status_code=200,
    summary="대화에 답하기 · Answer a conversation",
    description="With `stream: true` the answer comes as server-sent events: `sources`, `token`…, `done`, or `error`.",
)
async def chat(
    data: ChatRequest, chat_service: NamedDependency[Chat], settings: NamedDependency[Settings]
) -> ChatResponse | ServerSentEvent:
    """Answer the last message of a conversation."""
    messages = _conversation(data, settings)
    events = chat_service.answer(messages, rag=data.rag, filters=as_filters(data.filters))
    if data.stream:
        return ServerSentEvent(await event_stream(events))
    return await _collect(events)


@post("/query", status_code=200, summary="한 가지 묻기 · Answer one question")
async def query(
    data: Annotated[QueryRequest, Body(examples=[Example(value={"query": "킥인은 몇 초 안에 해야 해?"})])],
    chat_service: NamedDependency[Chat],
    settings: NamedDependency[Settings],
) -> QueryResponse:
    """Answer one question, whole."""
    _check_length(data.query, settings)
    answer = await _collect(chat_service.answer([Message("user", data.query)]))
    return QueryResponse(response=answer.message.content, sources=answer.sources)


def _conversation(data: ChatRequest, settings: Settings) -> list[Message]:
    if data.messages[-1].role != "user":
        raise NoQuestionError
    if len(data.messages) > settings.max_messages:
        raise ConversationTooLongError(len(data.messages), settings.max_messages)
    for message in data.messages:
        _check_length(message.content, settings)
    return [Message(message.role, message.content) for message in data.messages]


def _check_length(text: str, settings: Settings) -> None:
    if len(text) > settings.max_question_chars:
        raise MessageTooLongError(len(text), settings.max_question_chars)


async def _collect(events: AsyncGenerator[ChatEvent]) -> ChatResponse:
    """Wait for the whole answer."""
    sources: list[PassageOut] = []
    text: list[str] = []
    async with aclosing(events):
        async for event in events:
            match event:
                case Sources(hits):
                    sources = [PassageOut.of(hit) for hit in hits]
                case Token(piece):
                    text.append(piece)
                case Done() as done:
                    ended = DoneOut.of(done)
    return ChatResponse(message=ChatMessage("assistant", "".join(text)), sources=sources, done=ended)
