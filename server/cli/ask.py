"""`futfut ask`: one question, or a conversation, in the terminal."""

from pathlib import Path

import anyio
import click

from server.cli.console import errors_console, home_option, settings_with
from server.domain import Done, Hit, Message, Sources, Token
from server.resources import Resources, open_resources
from server.settings import Settings

FAREWELLS = {"exit", "quit", "끝", "그만"}


@click.command("ask")
@click.argument("question", required=False)
@home_option
def command(question: str | None, home: Path | None) -> None:
    """Ask a QUESTION, or have a conversation without one.

    The answer streams to standard output; what it is made from goes to standard error.

    Example: futfut ask "골키퍼는 공을 몇 초까지 가지고 있을 수 있어?"
    """
    anyio.run(_run, settings_with(home=home), question)


async def _run(settings: Settings, question: str | None) -> None:
    with errors_console().status("풋풋이를 깨우고 있어요…"):
        opening = open_resources(settings)
        resources = await opening.__aenter__()
    try:
        if question is not None:
            await _answer(resources, [Message("user", question)])
        else:
            await _converse(resources)
    finally:
        await opening.__aexit__(None, None, None)


async def _converse(resources: Resources) -> None:
    console = errors_console()
    console.print("무엇이든 물어보세요. 끝내려면 Ctrl-D나 '끝'을 입력하세요.")
    messages: list[Message] = []
    while True:
        try:
            typed = (await anyio.to_thread.run_sync(console.input, "[bold]> [/bold]")).strip()
        except EOFError:
            return
        if typed in FAREWELLS:
            return
        if typed:
            messages.append(Message("user", typed))
            messages.append(Message("assistant", await _answer(resources, messages)))


async def _answer(resources: Resources, messages: list[Message]) -> str:
    said: list[str] = []
    used: tuple[Hit, ...] = ()
    async for event in resources.chat.answer(messages):
        match event:
            case Sources(hits):
                used = hits
            case Token(text):
                said.append(text)
                click.echo(text, nl=False)
            case Done():
                click.echo()
    for number, hit in enumerate(used, start=1):
        passage = hit.passage
        errors_console().print(
            f"  [{number}] {passage.source} · {passage.locator}", style="dim", markup=False, highlight=False
        )
    return "".join(said)
