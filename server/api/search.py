"""`POST /search`: the passages themselves, for a backend that writes its own answers."""

from litestar import post
from litestar.di import NamedDependency

from server.api.schemas import PassageOut, SearchRequest, SearchResponse, as_filters
from server.protocols import Retriever


@post("/search", status_code=200, summary="자료 찾기 · Find passages")
async def search(data: SearchRequest, retriever: NamedDependency[Retriever]) -> SearchResponse:
    """The passages nearest to a question, best first, with their rank in both legs."""
    hits = await retriever.search(data.query, limit=data.limit, filters=as_filters(data.filters))
    return SearchResponse([PassageOut.of(hit) for hit in hits])
