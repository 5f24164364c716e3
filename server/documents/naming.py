"""What a document is called when it doesn't say so itself."""

from pathlib import PurePosixPath


def file_title(source: str) -> str:
    """The file's name without folder and ending, as words."""
    return PurePosixPath(source).stem.replace("_", " ")
