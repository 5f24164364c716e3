"""What `/schema` says beyond what the handlers' types say: problems, event streams, examples."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from litestar import MediaType, Response, Router
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import (
    Components,
    Example,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Schema,
    SecurityScheme,
)
from litestar.status_codes import HTTP_404_NOT_FOUND

from server.api import problems, sse
from server.api.problems import Problem, not_found, respond

ADMIN_KEY = "adminKey"

_PROBLEMS = {
    400: "요청에 고칠 곳이 있어요 · The request is wrong; `errors` names the field where one is known",
    401: "관리 키가 없거나 달라요 · No admin key, or another",
    403: "관리 키가 정해져 있지 않아요 · No admin key is configured, so that /admin is closed",
    409: "지금은 바꿀 수 없어요 · A swap is under way, or the embedded engine serves",
    413: "본문이 너무 커요 · The body is too large",
    415: "본문이 JSON이 아니에요 · The body isn't JSON",
    500: "답변을 만들지 못했어요 · The answer failed",
    503: "지금은 답할 수 없어요 · No index yet, no model, or too many questions (then with `Retry-After`)",
}
_EVENTS = """\
event: queue
data: {"place":1}

event: sources
data: {"sources":[{"id":"0b7e…","text":"킥인은 4초 안에 차야 해요.","source":"rules/kick-in.md",\
"title":"킥인","locator":"heading:킥인","score":0.39,"lexical_rank":1,"dense_rank":2}]}

event: loading
data: {"model":"mini-q4_k_m"}

event: token
data: {"text":"킥인은 4초 안에 "}

event: token
data: {"text":"차야 해요. 언제든지 물어보세요! 풋풋~!"}

event: done
data: {"finish_reason":"stop","mode":"model","usage":{"prompt_tokens":412,"completion_tokens":18,\
"total_tokens":430},"timings":{"admitted_ms":812.0,"retrieved_ms":826.2,"first_token_ms":5466.3,"total_ms":6030.0},"left_out":[]}
"""


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """The problems that an operation may answer with."""
    return {
        status: ResponseSpec(
            Problem, generate_examples=False, description=_PROBLEMS[status], media_type=problems.MEDIA_TYPE
        )
        for status in statuses
    }


@dataclass
class StreamingOperation(Operation):
    """An operation whose success may also be a stream of server-sent events."""

    def __post_init__(self) -> None:
        """Add the second media type to the first one's response."""
        success: Any = (self.responses or {})["200"]
        success.content[sse.MEDIA_TYPE] = OpenAPIMediaType(
            schema=Schema(
                type=OpenAPIType.STRING,
                description=(
                    "Events `sources`, `token` (any number) and `done`, or `error` (a problem) where an "
                    "answer breaks off; their data is JSON. While a question waits for its turn, `queue` "
                    "tells its place whenever it changes; `loading` tells that the model is being loaded. "
                    "Comment lines keep the connection alive."
                ),
            ),
            examples={"answer": Example(summary="답변 하나 · One answer", value=_EVENTS)},
        )


def openapi_config() -> OpenAPIConfig:
    """`/schema` (JSON) and `/schema/openapi.yaml`: no page, for it would load its scripts from elsewhere."""
    return OpenAPIConfig(
        title="FutFut · 풋풋이",
        version=version("futfut"),
        description="풋살 질문에 자료로 답하는 풋풋이 · Answers about futsal from the operator's documents",
        components=Components(
            security_schemes={
                ADMIN_KEY: SecurityScheme(
                    type="http", scheme="bearer", description="FUTFUT_ADMIN_KEY · The operator's key"
                )
            }
        ),
        render_plugins=[
            JsonRenderPlugin(path=["/", "/openapi.json"], media_type=MediaType.JSON),
            YamlRenderPlugin(),
        ],
        openapi_router=Router(
            "/schema", route_handlers=[], include_in_schema=False, after_request=_problem_for_missing_page
        ),
    )


async def _problem_for_missing_page(response: Response[Any]) -> Response[Any]:
    """Litestar answers unknown paths below `/schema` with a page of its own."""
    return respond(not_found()) if response.status_code == HTTP_404_NOT_FOUND else response
