"""What people and documents write is made harmless for an engine that reads markup wherever it stands."""

import re
from collections.abc import Callable, Iterable

# Has no width, breaks no line, is no white space for a template to trim, survives Unicode normalization.
WORD_JOINER = "\u2060"


def markup_breaker(markup: Iterable[str]) -> Callable[[str], str]:
    """A function that breaks up every piece of markup in a text, so that it is read as ordinary characters.

    Ollama tokenizes the whole rendered prompt and turns the text of a special token into that token wherever
    it stands, also in a message; its API takes no tokens, and nothing escapes them. A word joiner behind the
    first character of each does it: people see the same text, and what the model reads stays as near to it as
    can be (`<|im_end|>` becomes `<`, the joiner, `|im_end|>`).

    Args:
        markup: texts of special tokens and other role marks. Of a single character or of white space alone
            they can't be told from what people write, and are left alone.
    """
    pieces = sorted({text for text in markup if len(text.strip()) > 1}, key=len, reverse=True)
    if not pieces:
        return str
    # A look-ahead, for pieces may overlap: each is broken behind its own first character.
    starts = re.compile(f"(?=(?:{'|'.join(map(re.escape, pieces))}))(.)", re.DOTALL)
    return lambda text: starts.sub(rf"\1{WORD_JOINER}", text)
