"""What stands between a prompt and its answer: the model's file, its engine, its words."""

from pathlib import Path

from modelfiles.errors import FutFutError


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


class VocabularyNotKeptError(ModelUnavailableError):
    """What it takes to count a model's tokens can't be written to `folder`."""

    def __init__(self, model: str, folder: Path, reason: str) -> None:
        self.model = model
        self.folder = folder
        self.reason = reason
        super().__init__(
            f"The vocabulary of the model {model} can't be kept in {folder}: {reason}. "
            f"Make room there, or make the folder writable."
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
