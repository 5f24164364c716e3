"""What is timed of an answer, whoever gives it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """When an answer's text came, in seconds since it was asked for, and the tokens it took."""

    first_text: str
    first_seconds: float
    seconds: float
    prompt_tokens: int
    tokens: int
