"""`POST /search`: the passages themselves, for a backend that writes its own answers."""

from typing import Annotated, Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import Body

from server.api.body import read_json
from server.api.chat import check_length
from server.api.connection import while_connected
from server.api.documentation import problem_responses
from server.api.schemas import PassageOut, SearchRequest, SearchResponse, as_filters
from server.resources import Resources
from server.settings import Settings

_EXAMPLES = [
    Example(id="question", value={"query": "킥인 몇 초", "limit": 4}),
    Example(
        id="one-document",
        summary="한 문서에서만 · In one document only",
        value={"query": "주차", "filters": {"source": "venues/venues.csv"}},
    ),
]


@post(
    "/search",
    status_code=200,
    summary="자료 찾기 · Find passages",
    description=(
        "The passages nearest to a question, best first, with their rank in both legs of the search. "
        "`filters` maps `source` or `title` to the value, or the values, that it may have."
    ),
    before_request=read_json,
    responses=problem_responses(400, 413, 415, 500, 503),
)
async def search(
    data: Annotated[SearchRequest, Body(media_type=RequestEncodingType.JSON, examples=_EXAMPLES)],
    request: Request[Any, Any, Any],
    resources: NamedDependency[Resources],
    settings: NamedDependency[Settings],
) -> SearchResponse:
    """Find passages."""
    check_length(data.query, settings)
    filters = as_filters(data.filters)
    async with while_connected(request):
        hits = await resources.retriever.search(data.query, limit=data.limit, filters=filters)
    return SearchResponse([PassageOut.of(hit) for hit in hits])
