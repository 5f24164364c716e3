"""`GET /metrics`: what the service counts, for Prometheus."""

from litestar import Response, get
from litestar.di import NamedDependency

from server.resources import Resources
from server.telemetry import CONTENT_TYPE


@get(
    "/metrics",
    summary="지표 · Metrics",
    description="Counters and gauges in Prometheus' text format.",
    media_type="text/plain",
    sync_to_thread=False,
)
def metrics(resources: NamedDependency[Resources]) -> Response[bytes]:
    """All metrics as they are now."""
    return Response(resources.telemetry.exposition(), media_type=CONTENT_TYPE)
