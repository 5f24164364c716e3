"""Every error the service raises on purpose, each saying what happened and what to do about it.

An error class holds the parts of its message as attributes; `api/problems.py` alone maps classes to HTTP
statuses, and the command line prints the message and exits with 1.
"""

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


class EncoderMissingError(FutFutError):
    """The ONNX encoder isn't where the settings say it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        home = path.parent.parent
        super().__init__(
            f"No encoder at {path}. Fetch and build it with: "
            f"futfut-convert fetch --home {home} && futfut-convert embedder --home {home}"
        )


class EncoderDamagedError(FutFutError):
    """The encoder's folder is there, but its files aren't the ones that were built."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(
            f"The encoder at {path} is damaged: {reason}. Build it again with: futfut-convert embedder"
        )


class IndexMissingError(FutFutError):
    """Nothing has been indexed yet."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(f"No index at {where}. Build it with: futfut index --corpus corpus")


class IndexMismatchError(FutFutError):
    """The live index was built by another encoder or other terms than the ones in use."""

    def __init__(self, part: str, built_with: str, in_use: str) -> None:
        self.part = part
        self.built_with = built_with
        self.in_use = in_use
        super().__init__(
            f"The index was built with {part} {built_with}, but {in_use} is in use; "
            f"their numbers can't be compared. "
            f"Rebuild it with: futfut index --corpus corpus"
        )


class IndexBusyError(FutFutError):
    """Another process is building an index in the same home."""

    def __init__(self, lock: Path) -> None:
        self.lock = lock
        super().__init__(
            f"Another `futfut index` is at work (it holds {lock}). Wait for it to finish, then try again."
        )


class IndexDamagedError(FutFutError):
    """A generation of the index can't be opened, or doesn't hold what its manifest says."""

    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        self.reason = reason
        super().__init__(
            f"The index at {where} can't be used: {reason}. "
            f"Delete it, then rebuild it with: futfut index --corpus corpus"
        )


class IndexUnreachableError(FutFutError):
    """The Qdrant server doesn't answer, or answers with an error."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(
            f"The Qdrant server at {url} can't be used: {reason}. Check FUTFUT_QDRANT_URL and the server."
        )


class ModelMissingError(FutFutError):
    """The language model's file isn't there."""

    def __init__(self, model: str, path: Path) -> None:
        self.model = model
        self.path = path
        super().__init__(f"The model {model} isn't at {path}. Fetch it with: futfut-convert fetch {model}")


class ModelLoadError(FutFutError):
    """llama.cpp refuses the model's file."""

    def __init__(self, model: str, reason: str) -> None:
        self.model = model
        self.reason = reason
        super().__init__(f"The model {model} can't be loaded: {reason}. Check the file with: futfut doctor")


class ModelUnavailableError(FutFutError):
    """The model can't answer now; nothing of an answer has been sent. Base of the reasons."""


class GenerationError(FutFutError):
    """The engine failed while it was generating."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The answer broke off: {reason}. Please ask again.")


class QuestionTooLongError(FutFutError):
    """System prompt and question alone don't fit into the model's context; neither is ever cut."""

    def __init__(self, tokens: int, budget: int) -> None:
        self.tokens = tokens
        self.budget = budget
        super().__init__(
            f"The question takes {tokens} tokens where {budget} are left. Ask it in fewer words."
        )


class BusyError(FutFutError):
    """More questions are under way than the service admits."""

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"Too many questions are under way. Try again in {retry_after_seconds} seconds.")


class NotReadyError(FutFutError):
    """A part that worked when the service started doesn't any more."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"No question can be answered now: {reason}. Restart the service, or see: futfut doctor"
        )


class UnknownFilterError(FutFutError):
    """A search filter names a field that passages don't have."""

    def __init__(self, field: str, known: tuple[str, ...]) -> None:
        self.field = field
        self.known = known
        super().__init__(f"There is no filter '{field}'. Known filters: {', '.join(known)}.")


class MessageTooLongError(FutFutError):
    """A message has more characters than the service takes."""

    def __init__(self, length: int, limit: int) -> None:
        self.length = length
        self.limit = limit
        super().__init__(
            f"A message may have {limit} characters, this one has {length}. Ask it in fewer words."
        )


class ConversationTooLongError(FutFutError):
    """A conversation has more messages than the service takes."""

    def __init__(self, count: int, limit: int) -> None:
        self.count = count
        self.limit = limit
        super().__init__(
            f"A conversation may have {limit} messages, this one has {count}. Send the latest ones only."
        )


class NoQuestionError(FutFutError):
    """The conversation doesn't end with the player's message, so there is nothing to answer."""

    def __init__(self) -> None:
        super().__init__("The last message must be the player's (role user).")


class QuestionError(FutFutError):
    """A question set for the evaluation can't be read. `line` counts from 1; None is the whole file."""

    def __init__(self, path: Path, reason: str, *, line: int | None = None) -> None:
        self.path = path
        self.reason = reason
        self.line = line
        where = str(path) if line is None else f"{path}, line {line}"
        super().__init__(
            f"{where}: {reason}. A question set has one JSON object a line, as in tests/eval/corpus.jsonl."
        )
