"""`/health/live`: the process answers. `/health/ready`: a question would be answered, tried for real."""

from litestar import get
from litestar.di import NamedDependency

from server.api.documentation import problem_responses
from server.api.schemas import Liveness, Readiness
from server.resources import Resources


@get("/health/live", summary="살아 있나 · Liveness", description="The process answers.")
async def live() -> Liveness:
    """The event loop turns."""
    return Liveness("ok")


@get(
    "/health/ready",
    summary="답할 수 있나 · Readiness",
    description="Searches through encoder and index and has the model read a word; 503 says what is missing.",
    responses=problem_responses(503),
)
async def ready(resources: NamedDependency[Resources]) -> Readiness:
    """A question would be answered."""
    would_answer = await resources.probe()
    return Readiness(
        status="ready",
        generation=would_answer.manifest.generation,
        passages=would_answer.manifest.passages,
        encoder=resources.search.embedder.fingerprint,
        model=would_answer.model.name,
        mode=would_answer.model.mode,
    )
