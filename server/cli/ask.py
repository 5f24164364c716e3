"""`futfut ask`: one question, or a conversation, in the terminal."""

from contextlib import ExitStack
from pathlib import Path

import click
from anyio.from_thread import BlockingPortal, start_blocking_portal

from modelfiles.errors import FutFutError
from server.cli.console import errors_console, home_option, settings_with
from server.domain import Done, Hit, Loading, Message, Queued, Sources, Token
from server.resources import Resources, open_resources

FAREWELLS = {"exit", "quit", "끝", "그만"}


@click.command("ask")
@click.argument("question", required=False)
@home_option
def command(question: str | None, home: Path | None) -> None:
    """Ask a QUESTION, or have a conversation without one.

    The answer streams to standard output; what it is made from goes to standard error. In a conversation
    Ctrl-C stops the answer, and ends the conversation while it waits for a question.

    Example: futfut ask "골키퍼는 공을 몇 초까지 가지고 있을 수 있어?"
    """
    settings = settings_with(home=home)
    # The event loop has a thread of its own: the main thread can wait for the keyboard and be interrupted.
    with start_blocking_portal() as portal, ExitStack() as stack:
        with errors_console().status("풋풋이를 깨우고 있어요…"):
            opening = portal.wrap_async_context_manager(open_resources(settings))
            resources = stack.enter_context(opening)
        if question is None:
            _converse(portal, resources)
        else:
            portal.call(_answer, resources, [Message("user", question)])


def _converse(portal: BlockingPortal, resources: Resources) -> None:
    console = errors_console()
    console.print("무엇이든 물어보세요. 끝내려면 Ctrl-D나 '끝'을 입력하세요.")
    messages: list[Message] = []
    while True:
        try:
            typed = console.input("[bold]> [/bold]").strip()
        except (EOFError, KeyboardInterrupt):
            return
        if typed in FAREWELLS:
            return
        if not typed:
            continue
        asked = [*messages, Message("user", typed)]
        answer = portal.start_task_soon(_answer, resources, asked)
        try:
            messages = [*asked, Message("assistant", answer.result())]
        except KeyboardInterrupt:
            answer.cancel()
            console.print("\n답을 멈췄어요.")
        except FutFutError as error:
            console.print(f"futfut: {error}", markup=False, highlight=False)


async def _answer(resources: Resources, messages: list[Message]) -> str:
    said: list[str] = []
    used: tuple[Hit, ...] = ()
    # Gone before the first word, for both are written to the same terminal.
    with errors_console().status("생각하고 있어요…") as status:
        async for event in resources.chat.answer(messages):
            match event:
                case Queued(place):
                    status.update(f"차례를 기다리고 있어요. 지금 {place}번째예요…")
                case Loading(model):
                    status.update(f"{model} 모델을 불러오고 있어요…")
                case Sources(hits):
                    used = hits
                case Token(text):
                    status.stop()
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
