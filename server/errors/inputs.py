"""What the operator gives and the service can't take: settings, documents, question sets."""

from pathlib import Path

from modelfiles.errors import FutFutError


class SettingsError(FutFutError):
    """A setting can't be read. `problems` says of each setting what is wrong with it."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"FUTFUT_{name.upper()}: {reason}" for name, reason in problems.items()))


class DocumentError(FutFutError):
    """One document can't be read; it is reported and skipped, the rest of the corpus is indexed."""

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        self.reason = reason
        super().__init__(f"{source}: {reason}")


class CorpusEmptyError(FutFutError):
    """A corpus folder holds nothing that can be indexed."""

    def __init__(self, corpus: Path) -> None:
        self.corpus = corpus
        super().__init__(
            f"{corpus} holds no document that can be indexed. "
            f"Put .txt, .md, .csv, .json or .jsonl files there, or name another folder with --corpus."
        )


class QuestionError(FutFutError):
    """A question set for the evaluation can't be read. `line` counts from 1; None is the whole file."""

    def __init__(self, path: Path, reason: str, *, line: int | None = None) -> None:
        self.path = path
        self.reason = reason
        self.line = line
        where = str(path) if line is None else f"{path}, line {line}"
        super().__init__(
            f"{where}: {reason}. A question set has one JSON object a line, as in tests/eval/handbook.jsonl."
        )
