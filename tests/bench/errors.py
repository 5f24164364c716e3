"""Why a measurement can't be taken."""

from pathlib import Path

from modelfiles.errors import FutFutError


class ModelFileMissingError(FutFutError):
    """A measurement needs a model file that isn't there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path} isn't there, and without it this can't be measured. Get it with: make models"
        )


class ProgramFailedError(FutFutError):
    """A program that was to be measured ended, or never got ready."""

    def __init__(self, program: str, output: str) -> None:
        self.program = program
        self.output = output
        super().__init__(f"{program} can't be measured: it failed. It said:\n{output.strip()}")


class AnswerFailedError(FutFutError):
    """`/chat` didn't give the answer that was to be timed."""

    def __init__(self, question: str, reason: str) -> None:
        self.question = question
        self.reason = reason
        super().__init__(f"The answer to '{question}' can't be timed: {reason}")


class PromptsDifferError(FutFutError):
    """The server's prompt isn't the one that llama.cpp was given, so the times don't compare."""

    def __init__(self, question: str, served: int, bare: int) -> None:
        self.question = question
        self.served = served
        self.bare = bare
        super().__init__(
            f"For '{question}' the server's prompt has {served} tokens, ours {bare}: "
            "tests/bench/chat.py no longer puts the prompt together as the server does."
        )
