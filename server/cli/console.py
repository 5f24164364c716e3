"""What the commands share: their consoles, their settings, and a bar for the stages of a build."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from server.domain import Examples
from server.errors import SettingsError
from server.index import Progress as BuildProgress
from server.index import Stage
from server.settings import Settings

_STAGES: dict[Stage, str] = {
    "read": "Reading documents",
    "terms": "Counting terms",
    "embed": "Embedding passages",
    "publish": "Writing the index",
}

home_option = click.option(
    "--home", type=click.Path(path_type=Path), help="Where models/ and index/ are.  [FUTFUT_HOME, .futfut]"
)

corpus_option = click.option(
    "--corpus", type=click.Path(path_type=Path), help="The folder of documents.  [FUTFUT_CORPUS, corpus]"
)


def settings_with(**overrides: object) -> Settings:
    """The settings from the environment, with the options that were given on the command line.

    Raises:
        SettingsError: a variable or an option can't be read.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(Settings().model_dump() | given)
    except ValidationError as error:
        raise SettingsError({str(part["loc"][0]): part["msg"] for part in error.errors()}) from error


def listed_examples(examples: Iterable[Examples]) -> str:
    """Says which content is only an example, as `venues/venues.csv (64 rows)`."""
    found = (file.source if file.rows is None else f"{file.source} ({file.rows} rows)" for file in examples)
    return f"Still only an example: {', '.join(found)}"


def errors_console() -> Console:
    """Standard error, where all but a command's result goes."""
    return Console(stderr=True)


@contextmanager
def build_progress() -> Iterator[BuildProgress]:
    """A bar for each stage of a build that takes noticeable time; nothing where stderr is no terminal."""
    with Progress(
        TextColumn("    {task.description:<20}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors_console(),
    ) as progress:
        tasks = {
            stage: progress.add_task(label, visible=False, total=None) for stage, label in _STAGES.items()
        }

        def show(stage: Stage, done: int, total: int | None) -> None:
            progress.update(tasks[stage], completed=done, total=total, visible=True)

        yield show
