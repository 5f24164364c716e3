"""Errors as problem details (RFC 9457), in Korean. The only module that knows which error is which HTTP status."""

import logging
from collections.abc import Callable
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap
from msgspec import UNSET, Struct, UnsetType

from server import errors
from server.errors import FutFutError

MEDIA_TYPE = "application/problem+json"

log = logging.getLogger(__name__)


class Problem(Struct, frozen=True):
    """A problem as it goes over the wire. `type` is stable: clients may branch on it."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[str] | UnsetType = UNSET


class _Kind(Struct, frozen=True):
    status: int
    slug: str
    title: str
    detail: Callable[[Any], str]


_KINDS: dict[type[FutFutError], _Kind] = {
    errors.NoQuestionError: _Kind(
        400, "no-question", "질문이 없어요", lambda _: "마지막 메시지는 role이 user인 질문이어야 해요."
    ),
    errors.MessageTooLongError: _Kind(
        400,
        "message-too-long",
        "메시지가 너무 길어요",
        lambda e: f"메시지 하나는 {e.limit}자까지 보낼 수 있는데 {e.length}자를 보내셨어요. 줄여서 다시 물어봐 주세요.",
    ),
    errors.ConversationTooLongError: _Kind(
        400,
        "conversation-too-long",
        "대화가 너무 길어요",
        lambda e: f"메시지는 {e.limit}개까지 보낼 수 있는데 {e.count}개를 보내셨어요. 최근 것만 보내 주세요.",
    ),
    errors.QuestionTooLongError: _Kind(
        400,
        "question-too-long",
        "질문이 너무 길어요",
        lambda e: f"질문이 {e.tokens}토큰인데 {e.budget}토큰까지만 읽을 수 있어요. 줄여서 다시 물어봐 주세요.",
    ),
    errors.UnknownFilterError: _Kind(
        400,
        "unknown-filter",
        "모르는 필터예요",
        lambda e: f"'{e.field}' 필터는 없어요. 쓸 수 있는 필터는 {', '.join(e.known)}이에요.",
    ),
    errors.BusyError: _Kind(
        503,
        "busy",
        "지금은 질문이 몰려 있어요",
        lambda e: f"{e.retry_after_seconds}초 뒤에 다시 물어봐 주세요.",
    ),
    errors.IndexMissingError: _Kind(
        503, "index-missing", "아직 자료가 없어요", lambda _: "운영자가 futfut index로 자료를 색인하면 답할 수 있어요."
    ),
    errors.IndexMismatchError: _Kind(
        503,
        "index-mismatch",
        "색인이 지금 설정과 맞지 않아요",
        lambda _: "운영자가 futfut index로 자료를 다시 색인해야 해요.",
    ),
    errors.IndexUnreachableError: _Kind(
        503, "index-unreachable", "자료 저장소에 닿지 않아요", lambda _: "잠시 뒤에 다시 물어봐 주세요."
    ),
    errors.GenerationError: _Kind(
        500, "generation-failed", "답변을 만들다가 멈췄어요", lambda _: "다시 한번 물어봐 주세요."
    ),
}
_INTERNAL = _Kind(500, "internal", "문제가 생겼어요", lambda _: "저희 쪽 문제예요. 잠시 뒤에 다시 시도해 주세요.")

_HTTP = {
    400: ("invalid-request", "요청을 읽을 수 없어요", "보내신 내용의 형식을 확인해 주세요."),
    404: ("not-found", "그런 주소는 없어요", "주소를 확인해 주세요. 쓸 수 있는 주소는 /schema에 있어요."),
    405: ("method-not-allowed", "그 방법으로는 부를 수 없어요", "주소에 맞는 HTTP 메서드를 써 주세요."),
    413: ("too-large", "내용이 너무 커요", "본문을 줄여서 다시 보내 주세요."),
    415: ("unsupported-media-type", "읽을 수 없는 형식이에요", "본문은 application/json으로 보내 주세요."),
}


def problem_of(error: Exception) -> Problem:
    """The problem that an error is, for a response or for an `error` event."""
    kind = next((_KINDS[cls] for cls in type(error).__mro__ if cls in _KINDS), _INTERNAL)
    return Problem(type=_type(kind.slug), title=kind.title, status=kind.status, detail=kind.detail(error))


def _type(slug: str) -> str:
    return f"/problems/{slug}"


def _respond(problem: Problem, headers: dict[str, str] | None = None) -> Response[Problem]:
    return Response(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def _on_ours(_: Request[Any, Any, Any], error: FutFutError) -> Response[Problem]:
    problem = problem_of(error)
    if problem.status >= 500:  # noqa: PLR2004 - HTTP's own boundary between the client's faults and ours
        log.warning("%s: %s", type(error).__name__, error)
    headers = {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, errors.BusyError) else None
    return _respond(problem, headers)


def _on_http(_: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    slug, title, detail = _HTTP.get(error.status_code, (f"http-{error.status_code}", "요청을 처리할 수 없어요", ""))
    return _respond(
        Problem(
            type=_type(slug),
            title=title,
            status=error.status_code,
            detail=detail,
            errors=_reasons(error),
        ),
        error.headers,
    )


def _reasons(error: HTTPException) -> list[str] | UnsetType:
    """What exactly was wrong with the request, field by field where that is known."""
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        return [f"{item.get('key', 'body')}: {item['message']}" for item in error.extra]
    return [error.detail] if error.detail else UNSET


def _on_unexpected(_: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    log.error("unexpected error", exc_info=error)
    return _respond(problem_of(error))


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    FutFutError: _on_ours,
    HTTPException: _on_http,
    Exception: _on_unexpected,
}
