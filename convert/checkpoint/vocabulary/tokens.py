"""A vocabulary as GGUF has it: for each id a text, a type and perhaps a score."""

from collections.abc import Mapping
from typing import Literal

import msgspec
from gguf import TokenType

from convert.checkpoint.vocabulary.files import AddedToken

# llama.cpp gives these to what isn't of the trained vocabulary; it looks at scores of trained tokens only.
ADDED_SCORE, UNUSED_SCORE = -1000.0, -10000.0


class Vocabulary(msgspec.Struct, frozen=True):
    """All ids of a model, in order. `model` and `pre` are llama.cpp's names of how texts are cut into tokens.

    `scores` are SentencePiece's, `merges` BPE's. `space_prefix` says whether a text gets a space in front;
    None leaves it to llama.cpp. `left_out` are added tokens, by id, that the model has no embedding for.
    """

    model: Literal["llama", "gpt2"]
    pre: str
    tokens: list[str]
    types: list[TokenType]
    scores: list[float] | None = None
    merges: list[str] | None = None
    space_prefix: bool | None = None
    left_out: Mapping[int, str] = {}


class Slots:
    """The ids of a model, each unused until a token is put there: embeddings may be more than tokens."""

    def __init__(self, size: int) -> None:
        self.tokens = [f"[PAD{number}]" for number in range(size)]
        self.types = [TokenType.UNUSED] * size
        self.scores = [UNUSED_SCORE] * size
        self.left_out: dict[int, str] = {}
        self._taken: set[int] = set()

    def put(self, number: int, token: str, kind: TokenType, score: float = 0.0) -> None:
        """Put a token at an id.

        Raises:
            ValueError: the model has no such id.
        """
        if not 0 <= number < len(self.tokens):
            raise ValueError(
                f"its tokenizer has a token {number} ({token!r}), but its model only {len(self.tokens)} "
                f"embeddings (vocab_size in config.json). Take both from one place, or drop what was added "
                f"and never trained from the tokenizer's files."
            )
        self.tokens[number], self.types[number], self.scores[number] = token, kind, score
        self._taken.add(number)

    def add(self, number: int, token: str, kind: TokenType) -> None:
        """Put an added token at its id, whatever is there; leave it out if it has no embedding.

        Who adds a token for padding alone often leaves the embeddings as they are.
        """
        if number < len(self.tokens):
            self.put(number, token, kind, ADDED_SCORE)
        else:
            self.left_out[number] = token

    def put_added(self, added: Mapping[int, AddedToken]) -> None:
        """Put added tokens at their ids, whatever is there."""
        for number, token in added.items():
            if token.is_control:
                self.add(number, token.content, TokenType.CONTROL)
            else:
                # llama.cpp looks for them in the text as it came, with spaces still spaces.
                self.add(number, token.content.replace("▁", " "), TokenType.USER_DEFINED)

    def put_further(self, added: Mapping[int, AddedToken]) -> None:
        """Put added tokens where no token is yet."""
        self.put_added({number: token for number, token in added.items() if number not in self._taken})
