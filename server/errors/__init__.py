"""Every error the service raises on purpose, each saying what happened and what to do about it.

An error class holds the parts of its message as attributes; `api/problems.py` alone maps classes to HTTP
statuses, and the command line prints the message and exits with 1.
"""

from server.errors.admin import (
    AdminClosedError,
    AdminKeyError,
    NoSwapError,
    NoSwapTargetError,
    SwapRunningError,
)
from server.errors.index import (
    EncoderDamagedError,
    EncoderMissingError,
    IndexBusyError,
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    IndexUnreachableError,
)
from server.errors.inputs import (
    CorpusEmptyError,
    DocumentError,
    QuestionError,
    SettingsError,
)
from server.errors.model import (
    ContextTooSmallError,
    GenerationError,
    ModelLoadError,
    ModelMissingError,
    ModelUnavailableError,
    OllamaBusyError,
    OllamaConnectionLostError,
    OllamaGarbledError,
    OllamaLoadError,
    OllamaModelMissingError,
    OllamaModelUnusableError,
    OllamaOutOfMemoryError,
    OllamaRepeatsError,
    OllamaSilentError,
    OllamaStreamError,
    OllamaUnreachableError,
    VocabularyNotKeptError,
)
from server.errors.request import (
    BusyError,
    ConversationTooLongError,
    MessageTooLongError,
    NoQuestionError,
    NotReadyError,
    QuestionTooLongError,
    UnknownFilterError,
)

__all__ = [
    "AdminClosedError",
    "AdminKeyError",
    "BusyError",
    "ContextTooSmallError",
    "ConversationTooLongError",
    "CorpusEmptyError",
    "DocumentError",
    "EncoderDamagedError",
    "EncoderMissingError",
    "GenerationError",
    "IndexBusyError",
    "IndexDamagedError",
    "IndexMismatchError",
    "IndexMissingError",
    "IndexUnreachableError",
    "MessageTooLongError",
    "ModelLoadError",
    "ModelMissingError",
    "ModelUnavailableError",
    "NoQuestionError",
    "NoSwapError",
    "NoSwapTargetError",
    "NotReadyError",
    "OllamaBusyError",
    "OllamaConnectionLostError",
    "OllamaGarbledError",
    "OllamaLoadError",
    "OllamaModelMissingError",
    "OllamaModelUnusableError",
    "OllamaOutOfMemoryError",
    "OllamaRepeatsError",
    "OllamaSilentError",
    "OllamaStreamError",
    "OllamaUnreachableError",
    "QuestionError",
    "QuestionTooLongError",
    "SettingsError",
    "SwapRunningError",
    "UnknownFilterError",
    "VocabularyNotKeptError",
]
