"""`futfut search`: the passages that a question finds, without an answer."""

from pathlib import Path

import anyio
import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from server.analyzer import load_kiwi
from server.api.schemas import PassageOut, SearchResponse
from server.cli.console import home_option, settings_with
from server.domain import Hit
from server.resources import open_search
from server.settings import Settings


@click.command("search")
@click.argument("question")
@click.option(
    "--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="How many passages."
)
@click.option("--json", "as_json", is_flag=True, help="Print what POST /search answers.")
@home_option
def command(question: str, limit: int, as_json: bool, home: Path | None) -> None:
    """Find passages for a QUESTION, best first, with their rank in both legs of the search.

    Works beside a running server: both read the same index.

    Example: futfut search "킥인 몇 초" --limit 4
    """
    hits = anyio.run(_search, settings_with(home=home), question, limit)
    if as_json:
        response = SearchResponse([PassageOut.of(hit) for hit in hits])
        click.echo(msgspec.json.encode(response).decode())
        return
    table = Table("#", "score", "BM25", "vector", "source", "passage", pad_edge=False)
    for number, hit in enumerate(hits, start=1):
        passage = hit.passage
        table.add_row(
            str(number),
            f"{hit.score:.4f}",
            str(hit.lexical_rank or "–"),
            str(hit.dense_rank or "–"),
            Text(f"{passage.source}\n{passage.locator}"),
            Text(" ".join(passage.text.split())),
        )
    Console().print(table)


async def _search(settings: Settings, question: str, limit: int) -> list[Hit]:
    kiwi = await anyio.to_thread.run_sync(load_kiwi)
    async with open_search(settings, kiwi) as opened:
        return await opened.retriever.search(question, limit=limit)
