"""`POST /chat`, whole or as server-sent events, and `POST /query`, the first version's endpoint."""

from contextlib import aclosing
from typing import Annotated, Any

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import Body

from server.api.answering import Answer, Answers
from server.api.body import read_json
from server.api.connection import client_of, while_connected
from server.api.documentation import StreamingOperation, problem_responses
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
from server.domain import Done, Message, Sources, Token
from server.errors import ConversationTooLongError, MessageTooLongError, NoQuestionError
from server.settings import Settings

_PROBLEMS = problem_responses(400, 413, 415, 500, 503)
_CHAT_EXAMPLES = [
    Example(
        id="stream",
        summary="스트리밍 · As a stream",
        value={"messages": [{"role": "user", "content": "킥인은 몇 초 안에 해야 해?"}], "stream": True},
    ),
    Example(
        id="follow-up",
        summary="이어서 묻기 · A follow-up, from the rules only",
        value={
            "messages": [
                {"role": "user", "content": "킥인은 몇 초 안에 해야 해?"},
                {"role": "assistant", "content": "4초 안에 해야 해요. 언제든지 물어보세요! 풋풋~!"},
                {"role": "user", "content": "넘기면 어떻게 돼?"},
            ],
            "filters": {"source": "rules/kick-in.md"},
        },
    ),
]
_QUERY_EXAMPLES = [Example(id="question", value={"query": "킥인은 몇 초 안에 해야 해?"})]


@post(
    "/chat",
    status_code=200,
    summary="대화에 답하기 · Answer a conversation",
    description=(
        "Answers the last message. With `stream: true` as server-sent events; a failure before the first "
        "word is a problem response even then."
    ),
    before_request=read_json,
    operation_class=StreamingOperation,
    responses=_PROBLEMS,
)
async def chat(
    data: Annotated[ChatRequest, Body(media_type=RequestEncodingType.JSON, examples=_CHAT_EXAMPLES)],
    request: Request[Any, Any, Any],
    chat_service: NamedDependency[Chat],
    answers: NamedDependency[Answers],
    settings: NamedDependency[Settings],
) -> Response[ChatResponse]:
    """Answer the last message of a conversation."""
    messages = _conversation(data, settings)
    filters = as_filters(data.filters)
    answer = answers.begin(
        chat_service.answer(messages, rag=data.rag, filters=filters, client=client_of(request))
    )
    async with while_connected(request):
        return await event_stream(answer) if data.stream else Response(await _collect(answer))


@post(
    "/query",
    status_code=200,
    summary="한 가지 묻기 · Answer one question",
    description="The first version's endpoint: one question, one whole answer.",
    before_request=read_json,
    responses=_PROBLEMS,
)
async def query(
    data: Annotated[QueryRequest, Body(media_type=RequestEncodingType.JSON, examples=_QUERY_EXAMPLES)],
    request: Request[Any, Any, Any],
    chat_service: NamedDependency[Chat],
    answers: NamedDependency[Answers],
    settings: NamedDependency[Settings],
) -> QueryResponse:
    """Answer one question, whole."""
    check_length(data.query, settings)
    question = [Message("user", data.query)]
    answer = answers.begin(chat_service.answer(question, client=client_of(request)))
    async with while_connected(request):
        whole = await _collect(answer)
    return QueryResponse(response=whole.message.content, sources=whole.sources)


def check_length(text: str, settings: Settings) -> None:
    """Refuse a text that no question needs.

    Raises:
        MessageTooLongError: it has more characters than the settings allow.
    """
    if len(text) > settings.max_question_chars:
        raise MessageTooLongError(len(text), settings.max_question_chars)


def _conversation(data: ChatRequest, settings: Settings) -> list[Message]:
    if data.messages[-1].role != "user":
        raise NoQuestionError
    if len(data.messages) > settings.max_messages:
        raise ConversationTooLongError(len(data.messages), settings.max_messages)
    for message in data.messages:
        check_length(message.content, settings)
    return [Message(message.role, message.content) for message in data.messages]


async def _collect(answer: Answer) -> ChatResponse:
    """Wait for the whole answer."""
    sources: list[PassageOut] = []
    text: list[str] = []
    async with aclosing(answer):
        async for event in answer:
            match event:
                case Sources(hits):
                    sources = [PassageOut.of(hit) for hit in hits]
                case Token(piece):
                    text.append(piece)
                case Done() as done:
                    ended = DoneOut.of(done)
    return ChatResponse(message=ChatMessage("assistant", "".join(text)), sources=sources, done=ended)
