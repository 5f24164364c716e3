"""Every error the service raises on purpose, each saying what happened and what to do about it.

An error class holds the parts of its message as attributes; `api/problems.py` alone maps classes to HTTP
statuses, and the command line prints the message and exits with 1.
"""

from datetime import datetime
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


class ContextTooSmallError(FutFutError):
    """No question fits into the model's context beside the system prompt and the longest answer."""

    def __init__(self, model: str, context: int, prompt: int, answer: int) -> None:
        self.model = model
        self.context = context
        self.prompt = prompt
        self.answer = answer
        super().__init__(
            f"The model {model} has a context of {context} tokens, but the shortest prompt takes {prompt} "
            f"and an answer may take {answer} (FUTFUT_MAX_ANSWER_TOKENS). "
            f"Raise PARAMETER num_ctx in its Modelfile."
        )


class ModelUnavailableError(FutFutError):
    """The model can't answer now; nothing of an answer has been sent. Base of the reasons."""


class OllamaUnreachableError(ModelUnavailableError):
    """There is no Ollama at the address, or what is there doesn't answer as one."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(
            f"The Ollama server at {url} can't be reached: {reason}. "
            f"Start it with: ollama serve, or check FUTFUT_OLLAMA_URL"
        )


class OllamaModelMissingError(ModelUnavailableError):
    """Ollama has nothing under the name that the service asks for."""

    def __init__(self, url: str, model: str) -> None:
        self.url = url
        self.model = model
        super().__init__(
            f"The Ollama server at {url} has no model '{model}' yet. "
            f"Make one live with: futfut-convert use mini-q4_k_m"
        )


class OllamaModelUnusableError(ModelUnavailableError):
    """Ollama has the model, but its prompts can't be counted or its context isn't fixed."""

    def __init__(self, model: str, reason: str) -> None:
        self.model = model
        self.reason = reason
        super().__init__(
            f"The model {model} in Ollama can't be used: {reason}. "
            f"Register it again from its Modelfile: futfut-convert use {model}"
        )


class OllamaBusyError(ModelUnavailableError):
    """Ollama's own queue is full."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(
            f"The Ollama server at {url} is busy: {reason}. Ask again later, or raise its OLLAMA_MAX_QUEUE."
        )


class OllamaLoadError(ModelUnavailableError):
    """Ollama can't load the model."""

    def __init__(self, model: str, reason: str) -> None:
        self.model = model
        self.reason = reason
        super().__init__(
            f"Ollama can't load the model {model}: {reason}. See Ollama's log, "
            f"or go back to the model before it with: futfut-convert use --rollback"
        )


class OllamaOutOfMemoryError(ModelUnavailableError):
    """The model doesn't fit into the memory that Ollama has; also while it answers."""

    def __init__(self, model: str, reason: str) -> None:
        self.model = model
        self.reason = reason
        super().__init__(
            f"Ollama has too little memory for the model {model}: {reason}. "
            f"Use a smaller level of it, such as q4_k_m, or a smaller model: futfut-convert use mini-q4_k_m"
        )


class GenerationError(FutFutError):
    """The engine failed while it was generating."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The answer broke off: {reason}. Please ask again.")


class OllamaStreamError(GenerationError):
    """Ollama said in the middle of an answer that it failed."""

    def __init__(self, said: str) -> None:
        self.said = said
        super().__init__(f"Ollama says: {said}")


class OllamaGarbledError(GenerationError):
    """A line of Ollama's answer isn't what its API promises."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        super().__init__(f"{url} sent a line that can't be read ({reason}); is it an Ollama server?")


class OllamaConnectionLostError(GenerationError):
    """The connection to Ollama ended before the answer did."""

    def __init__(self, url: str, cause: str) -> None:
        self.url = url
        self.cause = cause
        super().__init__(f"the connection to the Ollama server at {url} was lost ({cause})")


class OllamaSilentError(GenerationError):
    """Ollama said nothing for too long."""

    def __init__(self, *, seconds: float, first_token: bool) -> None:
        self.seconds = seconds
        self.first_token = first_token
        which = ("to the first word", "FIRST_TOKEN") if first_token else ("between two pieces", "TOKEN")
        super().__init__(
            f"Ollama was silent for {seconds:g} seconds {which[0]} (FUTFUT_OLLAMA_{which[1]}_TIMEOUT)"
        )


class OllamaRepeatsError(GenerationError):
    """Ollama ended an answer without its end, as it does when a model says the same token 30 times."""

    def __init__(self) -> None:
        super().__init__("the model went round in circles and Ollama stopped it")


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


class AdminClosedError(FutFutError):
    """Somebody asks for /admin, but no key is configured, so that nobody may."""

    def __init__(self) -> None:
        super().__init__("/admin is closed: no key is configured. Set FUTFUT_ADMIN_KEY to open it.")


class AdminKeyError(FutFutError):
    """Somebody asks for /admin without the key."""

    def __init__(self) -> None:
        super().__init__("/admin needs the operator's key, as: Authorization: Bearer KEY")


class NoSwapTargetError(FutFutError):
    """A swap was asked for, but not to what."""

    def __init__(self) -> None:
        super().__init__('Say either {"model": "big-q5_k_m"} or {"rollback": true}.')


class NoSwapError(FutFutError):
    """The embedded engine has the one model that it was started with."""

    def __init__(self) -> None:
        super().__init__(
            "The embedded engine can't swap its model. Start the service with another FUTFUT_MODEL, "
            "or on an Ollama server (FUTFUT_OLLAMA_URL)."
        )


class SwapRunningError(FutFutError):
    """A swap of the model is under way already."""

    def __init__(self, asked_for: str, started: datetime) -> None:
        self.asked_for = asked_for
        self.started = started
        super().__init__(
            f"A swap to {asked_for} is under way since {started:%H:%M:%S %Z}. Wait for it: GET /admin/model"
        )


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
