"""What a request can't have: too much, at the wrong moment, or what there isn't."""

from modelfiles.errors import FutFutError


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
