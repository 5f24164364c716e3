"""`/health/live`: the process answers. `/health/ready`: a question would be answered, tried for real."""

from litestar import get
from litestar.di import NamedDependency

from server.api.schemas import Liveness, Readiness
from server.resources import Resources


@get("/health/live", summary="살아 있나 · Liveness")
async def live() -> Liveness:
    """The event loop turns."""
    return Liveness("ok")


@get("/health/ready", summary="답할 수 있나 · Readiness")
async def ready(resources: NamedDependency[Resources]) -> Readiness:
    """A real search through encoder and index; fails with a problem that says what is missing."""
    manifest = await resources.search.probe()
    return Readiness(
        status="ready",
        generation=manifest.generation,
        passages=manifest.passages,
        encoder=resources.search.embedder.fingerprint,
        model=resources.generator.name,
        mode=resources.generator.mode,
    )
