"""`futfut serve`: the HTTP service."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from socket import socket

import anyio
import click
import uvicorn

from server.api.answering import Answers
from server.app import create_app
from server.cli.console import errors_console, home_option, settings_with
from server.resources import open_resources
from server.settings import Settings

# Answers under way may end by themselves for so long, and then end in words.
ANSWER_SECONDS = 5.0
# Then uvicorn cancels what is left, with a traceback each; a container is killed after ten.
SHUTDOWN_SECONDS = 8


class Server(uvicorn.Server):
    """Ends the answers that are under way before it would cancel them."""

    def __init__(
        self, config: uvicorn.Config, answers: Answers, *, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        super().__init__(config)
        self._answers = answers
        self._answer_seconds = answer_seconds

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Stop listening, and wait for what is under way."""
        stop = asyncio.get_running_loop().call_later(self._answer_seconds, self._answers.stop)
        try:
            await super().shutdown(sockets)
        finally:
            stop.cancel()


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
        answers = Answers()
        server = Server(
            uvicorn.Config(
                create_app(settings, resources, answers),
                host=settings.host,
                port=settings.port,
                log_level="info",
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            ),
            answers,
        )
        # uvicorn stops on either signal, and then raises it once more for whoever started it: at that moment
        # the resources are still to be closed.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        await server.serve()
