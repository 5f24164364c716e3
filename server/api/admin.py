"""`GET` and `POST /admin/model`: which model answers, and another one in its place."""

from typing import Annotated

from anyio import to_thread
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import Body
from msgspec.structs import asdict

from modelfiles.catalog import load as load_catalog
from modelfiles.errors import CatalogError
from server.api.body import read_json
from server.api.documentation import ADMIN_KEY, problem_responses
from server.api.guards import admin_only
from server.api.schemas import LiveModelOut, ModelStatus, SwapOut, SwapRequest
from server.errors import NoSwapError, NoSwapTargetError
from server.resources import Resources

_EXAMPLES = [
    Example(id="use", summary="다른 모델로 · Another model", value={"model": "big-q5_k_m"}),
    Example(
        id="rollback", summary="앞의 모델로 되돌리기 · Back to the previous one", value={"rollback": True}
    ),
]


@get(
    "/model",
    summary="지금 답하는 모델 · The live model",
    description=(
        "Which model answers, its digest, level and context, since when, and which one a rollback would "
        "return to; and the swap that is under way, or the last one since the service started."
    ),
    responses=problem_responses(401, 403, 503),
)
async def live_model(resources: NamedDependency[Resources]) -> ModelStatus:
    """What is live."""
    return await _status(resources)


@post(
    "/model",
    status_code=202,
    summary="모델 바꾸기 · Swap the model",
    description=(
        "Begins to make another model the live one, and answers at once; `GET /admin/model` tells how far it "
        "is. The model is registered if need be (its files must be there), loaded beside the live one if "
        "memory allows, tried, and only then takes over: no question fails, and if it isn't fit the live one "
        "stays."
    ),
    before_request=read_json,
    responses=problem_responses(400, 401, 403, 409, 413, 415, 500, 503),
)
async def swap_model(
    data: Annotated[SwapRequest, Body(media_type=RequestEncodingType.JSON, examples=_EXAMPLES)],
    resources: NamedDependency[Resources],
) -> ModelStatus:
    """Begin a swap."""
    if resources.swaps is None:
        raise NoSwapError
    if data.rollback is (data.model is not None):
        raise NoSwapTargetError
    status = await _status(resources)
    begun = resources.swaps.rollback() if data.model is None else resources.swaps.use(data.model)
    return ModelStatus(status.engine, status.live, SwapOut.of(begun))


async def _status(resources: Resources) -> ModelStatus:
    if resources.swaps is None:
        return ModelStatus("embedded", await to_thread.run_sync(_embedded, resources), None)
    live = await resources.swaps.live()
    latest = resources.swaps.latest
    return ModelStatus(
        "ollama", LiveModelOut(**asdict(live)) if live else None, SwapOut.of(latest) if latest else None
    )


def _embedded(resources: Resources) -> LiveModelOut:
    model = resources.generator.model()
    try:
        level = load_catalog().resolve(model.name)
    except CatalogError:  # the operator's own Modelfile
        level = None
    return LiveModelOut(
        name=model.name,
        digest=None,
        model=level.model if level else None,
        level=level.level if level else None,
        context_tokens=model.context_tokens,
        since=resources.opened,
        previous=None,
    )


admin = Router(
    "/admin", route_handlers=[live_model, swap_model], guards=[admin_only], security=[{ADMIN_KEY: []}]
)
