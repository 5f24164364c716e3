"""Errors as problem details, and msgspec's messages in Korean."""

import inspect
import logging
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelfiles.errors import FutFutError
from server import errors
from server.api.body import EmptyBodyError, MalformedJsonError, NotJsonTypeError
from server.api.faults import fault_of
from server.api.problems import problem_of
from server.api.schemas import ChatRequest, SearchRequest

HANGUL = re.compile("[가-힣]")
USER = {"role": "user", "content": "안녕"}

PROBLEMS: list[tuple[FutFutError, int, str, str]] = [
    (NotJsonTypeError("text/plain"), 415, "unsupported-media-type", "text/plain"),
    (EmptyBodyError(), 400, "empty-body", "본문"),
    (MalformedJsonError("JSON is malformed: invalid character (byte 7)"), 400, "malformed-json", "7번째"),
    (MalformedJsonError("Input data was truncated"), 400, "malformed-json", "UTF-8"),
    (errors.AdminClosedError(), 403, "admin-closed", "FUTFUT_ADMIN_KEY"),
    (errors.AdminKeyError(), 401, "admin-key", "Bearer"),
    (errors.NoSwapTargetError(), 400, "no-swap-target", "rollback"),
    (errors.NoSwapError(), 409, "embedded-engine", "FUTFUT_OLLAMA_URL"),
    (errors.SwapRunningError("mini-f16", datetime.now(UTC)), 409, "swap-running", "mini-f16"),
    (errors.NoQuestionError(), 400, "no-question", "user"),
    (errors.MessageTooLongError(2001, 2000), 400, "message-too-long", "2001자"),
    (errors.ConversationTooLongError(41, 40), 400, "conversation-too-long", "41개"),
    (errors.QuestionTooLongError(700, 512), 400, "question-too-long", "512토큰"),
    (errors.UnknownFilterError("색", ("source", "title")), 400, "unknown-filter", "source, title"),
    (errors.BusyError(5), 503, "busy", "5초"),
    (errors.IndexMissingError("there"), 503, "index-missing", "futfut index"),
    (errors.IndexMismatchError("terms", "a", "b"), 503, "index-mismatch", "futfut index"),
    (errors.IndexDamagedError("there", "lost"), 503, "index-damaged", "futfut index"),
    (errors.IndexUnreachableError("http://x", "refused"), 503, "index-unreachable", "잠시"),
    (errors.NotReadyError("OSError: gone"), 503, "not-ready", "저희 쪽"),
    (errors.GenerationError("broke"), 500, "generation-failed", "다시"),
    (errors.ModelUnavailableError("away"), 503, "model-unavailable", "잠시"),
    (errors.OllamaUnreachableError("http://x", "refused"), 503, "model-unreachable", "잠시"),
    (errors.OllamaModelMissingError("http://x", "futfut"), 503, "model-missing", "futfut-convert use"),
    (errors.OllamaModelUnusableError("own", "no num_ctx"), 503, "model-unusable", "futfut-convert use"),
    (errors.VocabularyNotKeptError("big", Path("there"), "no room"), 503, "model-unavailable", "잠시"),
    (errors.OllamaBusyError("http://x", "full"), 503, "model-busy", "잠시"),
    (errors.OllamaLoadError("big", "broken"), 503, "model-load-failed", "되돌려야"),
    (errors.OllamaOutOfMemoryError("big", "no room"), 503, "model-out-of-memory", "더 작은"),
    (errors.OllamaSilentError(seconds=30, first_token=True), 503, "model-silent", "잠시"),
    (errors.OllamaStreamError("broke"), 500, "generation-failed", "다시"),
    (errors.OllamaGarbledError("http://x", "no JSON"), 500, "generation-failed", "다시"),
    (errors.OllamaConnectionLostError("http://x", "reset"), 500, "generation-failed", "다시"),
    (errors.OllamaRepeatsError(), 500, "generation-failed", "다시"),
]


@pytest.mark.parametrize(
    ("error", "status", "slug", "says"), PROBLEMS, ids=[type(p[0]).__name__ for p in PROBLEMS]
)
def test_problem_of_an_error(error: FutFutError, status: int, slug: str, says: str) -> None:
    """Every error that a request can meet has its own stable type and status, and speaks Korean."""
    problem = problem_of(error)
    assert (problem.type, problem.status) == (f"/problems/{slug}", status)
    assert says in problem.detail
    assert HANGUL.search(problem.title)
    assert HANGUL.search(problem.detail)


def test_every_error_of_a_question_has_a_problem() -> None:
    """Of the service's errors only those of start-up, of building and of evaluation have none."""
    before_serving = {
        errors.SettingsError,
        errors.DocumentError,
        errors.CorpusEmptyError,
        errors.EncoderMissingError,
        errors.EncoderDamagedError,
        errors.IndexBusyError,
        errors.ModelMissingError,
        errors.ModelLoadError,
        errors.ContextTooSmallError,
        errors.QuestionError,
    }
    ours = {
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if cls.__module__.startswith(f"{errors.__name__}.")
    }
    assert ours - before_serving == {type(error) for error, *_ in PROBLEMS if type(error) in ours}


def test_unforeseen_error(caplog: pytest.LogCaptureFixture) -> None:
    """What nobody foresaw is a 500 that tells the player nothing of it, and the log everything."""
    problem = problem_of(ZeroDivisionError("secret"))
    assert (problem.type, problem.status) == ("/problems/internal", 500)
    assert "secret" not in problem.detail
    assert caplog.records[0].exc_info


@pytest.mark.parametrize(
    "error", [errors.BusyError(5), errors.IndexMissingError("x"), errors.NoQuestionError()]
)
def test_quiet_problems(error: FutFutError, caplog: pytest.LogCaptureFixture) -> None:
    """Overload, polling without an index and clients' mistakes don't fill the log."""
    caplog.set_level(logging.INFO)
    problem_of(error)
    assert not caplog.records


@pytest.mark.parametrize(
    "error",
    [errors.IndexDamagedError("here", "torn"), errors.IndexUnreachableError("http://qdrant", "timed out")],
)
def test_the_operator_reads_what_the_player_does_not(
    error: FutFutError, caplog: pytest.LogCaptureFixture
) -> None:
    """Where and why the index can't be used stands in the log, not in the problem."""
    assert str(error) not in problem_of(error).detail
    assert [record.getMessage() for record in caplog.records] == [str(error)]


def fault(payload: object, of: type) -> Any:
    """What msgspec refuses, read."""
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(payload, of)
    return fault_of(refused.value)


@pytest.mark.parametrize(
    ("payload", "pointer", "says"),
    [
        ([], "#", "객체"),
        (None, "#", "null"),
        ({}, "#/messages", "꼭 있어야"),
        ({"messages": "안녕"}, "#/messages", "배열"),
        ({"messages": []}, "#/messages", "1개 이상"),
        ({"messages": [{"content": "안녕"}]}, "#/messages/0/role", "꼭 있어야"),
        ({"messages": [USER, {**USER, "role": "system"}]}, "#/messages/1/role", "'system'"),
        ({"messages": [{**USER, "content": ""}]}, "#/messages/0/content", "비어"),
        ({"messages": [{**USER, "content": " \n\u3000"}]}, "#/messages/0/content", "비어"),
        ({"messages": [{**USER, "content": 3}]}, "#/messages/0/content", "문자열"),
        ({"messages": [{**USER, "name": "x"}]}, "#/messages/0/name", "모르는 필드"),
        ({"messages": [USER], "steam": True}, "#/steam", "모르는 필드"),
        ({"messages": [USER], "a/b~c": 1}, "#/a~1b~0c", "모르는 필드"),
        ({"messages": [USER], "x - at `$.y`": 1}, "#/x - at `$.y`", "모르는 필드"),
        ({"messages": [USER], "stream": "maybe"}, "#/stream", "true 또는 false"),
        ({"messages": [USER], "filters": {"source": 3}}, "#/filters", "문자열 또는 배열"),
        ({"messages": [USER], "filters": {"source": []}}, "#/filters", "1개 이상"),
    ],
)
def test_faults_of_a_conversation(payload: object, pointer: str, says: str) -> None:
    """A fault points to the field that is wrong and says in Korean what is."""
    found = fault(payload, ChatRequest)
    assert found.pointer == pointer
    assert says in found.detail


@pytest.mark.parametrize(
    ("limit", "says"), [(0, "1 이상"), (101, "100 이하"), (10**30, "100 이하"), (1.5, "정수"), ("5", "정수")]
)
def test_faults_of_a_limit(limit: object, says: str) -> None:
    """A limit out of range is told the range."""
    found = fault({"query": "풋살", "limit": limit}, SearchRequest)
    assert found.pointer == "#/limit"
    assert says in found.detail


def test_a_message_that_is_not_known() -> None:
    """What msgspec may come to say one day is still Korean to the player."""
    found = fault_of(msgspec.ValidationError("Expected a moon phase - at `$.moons[2]`"))
    assert (found.pointer, found.detail) == ("#/moons/2", "쓸 수 없는 값이에요.")
