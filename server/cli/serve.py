"""`futfut serve`: the HTTP service."""

import signal
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import click
import uvicorn

from server.app import create_app
from server.cli.console import errors_console, home_option, settings_with
from server.resources import open_resources
from server.settings import Settings

SHUTDOWN_SECONDS = 5


@click.command("serve")
@home_option
@click.option("--host", help="Address to listen on.  [FUTFUT_HOST, 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.  [FUTFUT_PORT, 8000]")
def command(home: Path | None, host: str | None, port: int | None) -> None:
    """Answer questions over HTTP until stopped with Ctrl-C.

    \b
    Example:
      futfut serve --port 8000
      curl -N localhost:8000/chat -H 'content-type: application/json' \\
        -d '{"messages":[{"role":"user","content":"킥인은 몇 초 안에 해야 해?"}],"stream":true}'
    """  # noqa: D301 - click takes a backspace for "leave this paragraph as it is"
    anyio.run(_serve, settings_with(home=home, host=host, port=port))


async def _serve(settings: Settings) -> None:
    # Opened here rather than by the application, so that what is missing is one line and not a traceback.
    async with AsyncExitStack() as stack:
        with errors_console().status("Loading the analyser, the encoder and the model"):
            resources = await stack.enter_async_context(open_resources(settings))
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(settings, resources),
                host=settings.host,
                port=settings.port,
                log_level="info",
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        # uvicorn stops on either signal, and then raises it once more for whoever started it: at that moment
        # the resources are still to be closed.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        await server.serve()
