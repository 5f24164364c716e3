"""The way of a made file into its place: never half, never without its recipe, never over somebody's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from convert.errors import ForeignFileError
from convert.recipe import Recipe, has_record, remember_recipe
from convert.staging import put_in_place, staging_folder


def require_own(path: Path) -> None:
    """Make sure before any work that where a file is to be made, there is none, or an earlier one of ours.

    Raises:
        ForeignFileError: a file is there that was put there, not made.
    """
    if path.exists() and not has_record(path):
        raise ForeignFileError(path)


@contextmanager
def making(path: Path, recipe: Recipe) -> Iterator[Path]:
    """Give the path of a part to write, which becomes `path` when the block ends well, and else is removed.

    What is at `path` stays there until then, whole. The part has the same name, in a folder of its own.

    Raises:
        ForeignFileError: what is at `path` wasn't made here.
        FetchBusyError: another process makes the same file.
        OSError: the file can't be brought into place.
    """
    require_own(path)
    with staging_folder(path.parent, path.name) as staging:
        part = staging / path.name
        try:
            # What a killed run left takes the room that this one needs.
            part.unlink(missing_ok=True)
            yield part
            # First the record: a kill before the rename leaves one that fits no file, and the file is made
            # again; the other way round it would leave a file that nobody knows was made here.
            remember_recipe(path, recipe, made=part)
            put_in_place(part, path)
        finally:
            part.unlink(missing_ok=True)
