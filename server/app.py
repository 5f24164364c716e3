"""The composition root of the HTTP service."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide

from server.api import EXCEPTION_HANDLERS, ROUTES, openapi_config
from server.api.answering import Answers
from server.chat import Chat
from server.resources import Resources, open_resources
from server.settings import Settings

MAX_BODY_BYTES = 1_000_000


def create_app(
    settings: Settings, resources: Resources | None = None, answers: Answers | None = None
) -> Litestar:
    """The service. Nothing is opened before it starts.

    Args:
        settings: the operator's choices.
        resources: opened by the caller, who also closes them; opened and closed with the service if None.
        answers: given by a caller who will stop them; the service's own if None.
    """
    under_way = answers or Answers()

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncGenerator[None]:
        if resources is not None:
            app.state.resources = resources
            yield
            return
        async with open_resources(settings) as opened:
            app.state.resources = opened
            yield

    def provide_settings() -> Settings:
        return settings

    def provide_resources(state: State) -> Resources:
        opened: Resources = state.resources
        return opened

    def provide_answers() -> Answers:
        return under_way

    def provide_chat(state: State) -> Chat:
        return provide_resources(state).chat

    return Litestar(
        route_handlers=list(ROUTES),
        state=State({"settings": settings}),
        lifespan=[lifespan],
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=MAX_BODY_BYTES,
        dependencies={
            "settings": Provide(provide_settings, sync_to_thread=False),
            "resources": Provide(provide_resources, sync_to_thread=False),
            "answers": Provide(provide_answers, sync_to_thread=False),
            "chat_service": Provide(provide_chat, sync_to_thread=False),
        },
        openapi_config=openapi_config(),
        logging_config=None,  # where logs go is for who runs the service to say, not for a library
    )
