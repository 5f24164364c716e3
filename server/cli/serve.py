"""`futfut serve`: the HTTP service."""

from pathlib import Path

import click
import uvicorn

from server.app import create_app
from server.cli.console import home_option, settings_with

SHUTDOWN_SECONDS = 5


@click.command("serve")
@home_option
@click.option("--host", help="Address to listen on.  [FUTFUT_HOST, 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.  [FUTFUT_PORT, 8000]")
def command(home: Path | None, host: str | None, port: int | None) -> None:
    r"""Answer questions over HTTP until stopped with Ctrl-C.

    \b
    Example:
      futfut serve --port 8000
      curl -N localhost:8000/chat -H 'content-type: application/json' \
        -d '{"messages":[{"role":"user","content":"킥인은 몇 초 안에 해야 해?"}],"stream":true}'
    """
    settings = settings_with(home=home, host=host, port=port)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_level="info",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
