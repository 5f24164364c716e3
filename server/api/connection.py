"""Who asks, and whether they are still there: Litestar runs a handler to its end even when nobody waits."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from anyio import CancelScope
from litestar import Request


class ClientGoneError(Exception):
    """The client closed the connection before its answer began."""


def client_of(request: Request[Any, Any, Any]) -> str:
    """Whose turn a question is when several wait: the host that it comes from."""
    return request.client.host if request.client else ""


@asynccontextmanager
async def while_connected(request: Request[Any, Any, Any]) -> AsyncGenerator[None]:
    """Cancel the block as soon as the client closes the connection. The request's body must have been read.

    Raises:
        ClientGoneError: the block was cancelled.
    """
    with CancelScope() as scope:
        watch = asyncio.create_task(_cancel_on_disconnect(request, scope))
        try:
            yield
        finally:
            watch.cancel()
    if scope.cancelled_caught:
        raise ClientGoneError


async def _cancel_on_disconnect(request: Request[Any, Any, Any], scope: CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
