"""Errors as problem details (RFC 9457), in Korean: alone in knowing which error is which HTTP status."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, NotFoundException, ValidationException
from litestar.types import ExceptionHandlersMap
from msgspec import UNSET, Struct, UnsetType, ValidationError

from modelfiles.errors import CatalogError, FutFutError
from server import errors
from server.api.answering import StoppingError
from server.api.body import EmptyBodyError, MalformedJsonError, NotJsonTypeError
from server.api.connection import ClientGoneError
from server.api.faults import Fault, fault_of

MEDIA_TYPE = "application/problem+json"
CLIENT_CLOSED_REQUEST = 499  # nginx's; nobody reads it, but a response must have a status

log = logging.getLogger(__name__)


class Problem(Struct, frozen=True):
    """What went wrong (RFC 9457). `type` is stable: clients may branch on it, and show the rest."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] | UnsetType = UNSET


class _Kind(Struct, frozen=True):
    status: int
    slug: str
    title: str
    detail: Callable[[Any], str]

    def problem(self, error: Exception, faults: list[Fault] | UnsetType = UNSET) -> Problem:
        return Problem(f"/problems/{self.slug}", self.title, self.status, self.detail(error), faults)


def _allowed(error: HTTPException) -> str:
    methods = (error.headers or {}).get("allow", "")
    return f"이 주소에는 다음 메서드를 쓸 수 있어요: {methods}."


_KINDS: dict[type[Exception], _Kind] = {
    NotJsonTypeError: _Kind(
        415,
        "unsupported-media-type",
        "읽을 수 없는 형식이에요",
        lambda e: (
            f"Content-Type이 {e.content_type}이에요. 본문을 JSON으로 쓰고 application/json으로 보내 주세요."
        ),
    ),
    EmptyBodyError: _Kind(
        400, "empty-body", "본문이 비어 있어요", lambda _: "본문에 JSON 객체를 담아 보내 주세요."
    ),
    MalformedJsonError: _Kind(
        400,
        "malformed-json",
        "JSON을 읽을 수 없어요",
        lambda e: (
            "본문은 UTF-8로 쓴 올바른 JSON이어야 해요."
            + ("" if e.byte is None else f" {e.byte}번째 바이트부터 읽을 수 없어요.")
        ),
    ),
    errors.AdminClosedError: _Kind(
        403,
        "admin-closed",
        "관리 기능이 닫혀 있어요",
        lambda _: "운영자가 FUTFUT_ADMIN_KEY에 키를 정하면 쓸 수 있어요.",
    ),
    errors.AdminKeyError: _Kind(
        401,
        "admin-key",
        "관리 키가 필요해요",
        lambda _: "Authorization 헤더에 Bearer와 관리 키를 담아 보내 주세요.",
    ),
    CatalogError: _Kind(
        400, "unknown-model", "그런 모델은 없어요", lambda e: f"모델 이름을 확인해 주세요. {e}"
    ),
    errors.NoSwapTargetError: _Kind(
        400,
        "no-swap-target",
        "무엇으로 바꿀지 알 수 없어요",
        lambda _: "model에 모델 이름을 담거나 rollback을 true로 보내 주세요. 둘 중 하나만요.",
    ),
    errors.NoSwapError: _Kind(
        409,
        "embedded-engine",
        "내장 엔진은 모델을 바꿀 수 없어요",
        lambda _: "FUTFUT_MODEL을 바꾸고 다시 시작하거나, FUTFUT_OLLAMA_URL로 Ollama에 연결해 주세요.",
    ),
    errors.SwapRunningError: _Kind(
        409,
        "swap-running",
        "이미 모델을 바꾸는 중이에요",
        lambda e: (
            f"{e.asked_for} 작업이 끝난 뒤에 다시 시도해 주세요. 지금 상태는 GET /admin/model에 있어요."
        ),
    ),
    errors.NoQuestionError: _Kind(
        400, "no-question", "질문이 없어요", lambda _: "마지막 메시지는 role이 user인 질문이어야 해요."
    ),
    errors.MessageTooLongError: _Kind(
        400,
        "message-too-long",
        "메시지가 너무 길어요",
        lambda e: f"메시지 하나는 {e.limit}자까지인데 {e.length}자를 보내셨어요. 줄여서 다시 보내 주세요.",
    ),
    errors.ConversationTooLongError: _Kind(
        400,
        "conversation-too-long",
        "대화가 너무 길어요",
        lambda e: f"메시지는 {e.limit}개까지인데 {e.count}개를 보내셨어요. 최근 것만 보내 주세요.",
    ),
    errors.QuestionTooLongError: _Kind(
        400,
        "question-too-long",
        "질문이 너무 길어요",
        lambda e: (
            f"질문이 {e.tokens}토큰인데 {e.budget}토큰까지만 읽을 수 있어요. 줄여서 다시 물어봐 주세요."
        ),
    ),
    errors.UnknownFilterError: _Kind(
        400,
        "unknown-filter",
        "모르는 필터예요",
        lambda e: f"'{e.field}' 필터는 없어요. 쓸 수 있는 필터: {', '.join(e.known)}.",
    ),
    errors.BusyError: _Kind(
        503,
        "busy",
        "지금은 질문이 몰려 있어요",
        lambda e: f"{e.retry_after_seconds}초 뒤에 다시 물어봐 주세요.",
    ),
    StoppingError: _Kind(
        503,
        "stopping",
        "풋풋이가 잠깐 쉬러 가요",
        lambda _: "서비스를 멈추는 중이에요. 잠시 뒤에 다시 물어봐 주세요.",
    ),
    errors.IndexMissingError: _Kind(
        503,
        "index-missing",
        "아직 자료가 없어요",
        lambda _: "운영자가 futfut index로 자료를 색인하면 답할 수 있어요.",
    ),
    errors.IndexMismatchError: _Kind(
        503,
        "index-mismatch",
        "색인이 지금 설정과 맞지 않아요",
        lambda _: "운영자가 futfut index로 자료를 다시 색인해야 해요.",
    ),
    errors.IndexDamagedError: _Kind(
        503,
        "index-damaged",
        "색인이 망가졌어요",
        lambda _: "운영자가 색인을 지우고 futfut index로 다시 만들어야 해요.",
    ),
    errors.IndexUnreachableError: _Kind(
        503, "index-unreachable", "자료 저장소에 닿지 않아요", lambda _: "잠시 뒤에 다시 물어봐 주세요."
    ),
    errors.NotReadyError: _Kind(
        503, "not-ready", "지금은 답할 수 없어요", lambda _: "저희 쪽 문제예요. 잠시 뒤에 다시 시도해 주세요."
    ),
    errors.ModelUnavailableError: _Kind(
        503, "model-unavailable", "지금은 모델이 답할 수 없어요", lambda _: "잠시 뒤에 다시 물어봐 주세요."
    ),
    errors.OllamaUnreachableError: _Kind(
        503, "model-unreachable", "모델에 닿지 않아요", lambda _: "잠시 뒤에 다시 물어봐 주세요."
    ),
    errors.OllamaModelMissingError: _Kind(
        503,
        "model-missing",
        "아직 모델이 없어요",
        lambda _: "운영자가 futfut-convert use로 모델을 등록하면 답할 수 있어요.",
    ),
    errors.OllamaModelUnusableError: _Kind(
        503,
        "model-unusable",
        "모델을 쓸 수 없어요",
        lambda _: "운영자가 futfut-convert use로 모델을 다시 등록해야 해요.",
    ),
    errors.OllamaBusyError: _Kind(
        503, "model-busy", "지금은 모델이 바빠요", lambda _: "잠시 뒤에 다시 물어봐 주세요."
    ),
    errors.OllamaLoadError: _Kind(
        503,
        "model-load-failed",
        "모델을 불러오지 못했어요",
        lambda _: "운영자가 모델을 확인하거나 앞의 모델로 되돌려야 해요.",
    ),
    errors.OllamaOutOfMemoryError: _Kind(
        503,
        "model-out-of-memory",
        "모델을 돌릴 메모리가 모자라요",
        lambda _: "운영자가 더 작은 모델로 바꾸면 답할 수 있어요.",
    ),
    errors.OllamaSilentError: _Kind(
        503, "model-silent", "모델이 너무 오래 말이 없어요", lambda _: "잠시 뒤에 다시 물어봐 주세요."
    ),
    errors.GenerationError: _Kind(
        500, "generation-failed", "답변을 만들다가 멈췄어요", lambda _: "다시 한번 물어봐 주세요."
    ),
}
_INTERNAL = _Kind(
    500, "internal", "문제가 생겼어요", lambda _: "저희 쪽 문제예요. 잠시 뒤에 다시 시도해 주세요."
)
_INVALID = _Kind(400, "invalid-request", "요청에 고칠 곳이 있어요", lambda _: "요청의 형식을 확인해 주세요.")

_HTTP: Mapping[int, _Kind] = {
    kind.status: kind
    for kind in (
        _INVALID,
        _Kind(
            404,
            "not-found",
            "그런 주소는 없어요",
            lambda _: "주소를 확인해 주세요. 쓸 수 있는 주소는 /schema에 있어요.",
        ),
        _Kind(405, "method-not-allowed", "그 메서드로는 부를 수 없어요", _allowed),
        _Kind(413, "too-large", "본문이 너무 커요", lambda _: "본문을 줄여서 다시 보내 주세요."),
    )
}


# A service under load, and one whose index is still to be built, would fill the log with these.
_TO_BE_EXPECTED = (errors.BusyError, errors.IndexMissingError, StoppingError)


def problem_of(error: Exception) -> Problem:
    """The problem that an error is, for a response or for an `error` event; ours are logged on the way."""
    if isinstance(error, ValidationException) and isinstance(error.__cause__, ValidationError):
        fault = fault_of(error.__cause__)
        field = fault.pointer.removeprefix("#").removeprefix("/") or "본문"
        return Problem(f"/problems/{_INVALID.slug}", _INVALID.title, 400, f"{field}: {fault.detail}", [fault])
    if isinstance(error, HTTPException):
        kind = _HTTP.get(error.status_code, _INTERNAL)
    else:
        kind = next((_KINDS[cls] for cls in type(error).__mro__ if cls in _KINDS), _INTERNAL)
    _log(kind, error)
    return kind.problem(error)


def _log(kind: _Kind, error: Exception) -> None:
    """Warn of what the operator may mend; what nobody foresaw comes with its traceback."""
    if kind is _INTERNAL:
        log.error("A request failed, and not on purpose.", exc_info=error)
    elif kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, _TO_BE_EXPECTED):
        log.warning("%s", error)


def not_found() -> Problem:
    """The problem of an address that isn't there."""
    return problem_of(NotFoundException())


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response[Problem]:
    """A problem as a response of its own."""
    return Response(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def _on_error(_: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    headers: dict[str, str] = {}
    if isinstance(error, HTTPException):
        headers |= error.headers or {}
    if isinstance(error, errors.BusyError):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, errors.AdminKeyError):
        headers["WWW-Authenticate"] = "Bearer"
    return respond(problem_of(error), headers)


def _on_client_gone(_: Request[Any, Any, Any], error: ClientGoneError) -> Response[None]:
    del error
    return Response(None, status_code=CLIENT_CLOSED_REQUEST)


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    ClientGoneError: _on_client_gone,
    FutFutError: _on_error,
    HTTPException: _on_error,
    Exception: _on_error,
}
