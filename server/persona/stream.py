"""The persona on a stream: what a model writes, as the player reads it."""

import re

from kiwipiepy import Kiwi

from server.persona.sentences import SentenceRewriter
from server.persona.signoff import SIGN_OFF, SignOffRemover

_FENCE = "```"
# On such a Markdown line a sign-off would become part of the item, the row, the heading or the fence.
_BLOCK = re.compile(rf"\s*(?:(?:[-*+•]|\d+[.)])(?:\s|\Z)|[|>#]|{_FENCE})")
_LINE_HEAD = 24  # characters of a line that tell which kind it is
_MARKERS = "-*•>#"
# A sentence that ends so and without a full stop would run into the sign-off.
_UNSTOPPED = re.compile(r"[요죠]")


class PersonaStream:
    """One answer in 풋풋이's voice: 해요체, and the sign-off once, at the very end.

    What `feed` and `finish` return, joined, is the same however the input was cut. Held back are only the
    last 어절, the beginning of what may be a sign-off, and white space at the end.

    The sign-off stands one space behind the answer's last line, whose full stop is set if it is missing, or
    in a paragraph of its own if that line is a list item, a heading, a quotation, a table row or code. A
    fence that is still open is closed first.
    """

    def __init__(self, kiwi: Kiwi) -> None:
        self._sign_offs = SignOffRemover()
        self._sentences = SentenceRewriter(kiwi)
        self._gap = ""
        self._line = ""
        self._last = ""
        self._started = False

    def feed(self, text: str) -> str:
        """Take the next piece of the model's text; returns what may be shown now."""
        return self._show(self._sentences.feed(self._sign_offs.feed(text)))

    def finish(self, *, complete: bool = True) -> str:
        """Nothing more will come: returns the rest and the sign-off.

        Args:
            complete: the model ended by itself. An answer that was cut off keeps its last word if that is a
                bare noun, since it may be half a word or half a sentence.
        """
        rest = self._sentences.feed(self._sign_offs.finish())
        rest += self._sentences.finish(complete=complete and not self._sign_offs.follows_topic)
        shown, separator = self._show(rest), self._separator()
        sentence = complete and separator == " " and not self._sign_offs.completes_sentence
        if sentence and _UNSTOPPED.fullmatch(self._last):
            shown += "."
        return shown + separator + SIGN_OFF

    def _show(self, text: str) -> str:
        """Pass on all but the white space at the end, and none at the beginning of the answer."""
        text = self._gap + text
        shown = _without_trailing_gap(text)
        self._gap = text[len(shown) :]
        if not self._started:
            shown = shown.lstrip()
        self._started = self._started or bool(shown)
        self._last = shown[-1:] or self._last
        self._line = (self._line + shown).rpartition("\n")[2][:_LINE_HEAD]
        return shown

    def _separator(self) -> str:
        if not self._started:
            return ""
        if self._sentences.in_fence:
            return f"\n{_FENCE}\n\n"
        if _BLOCK.match(self._line) and not self._sign_offs.completes_sentence:
            return "\n\n"
        return " "


def apply(kiwi: Kiwi, text: str) -> str:
    """A whole answer in 풋풋이's voice."""
    stream = PersonaStream(kiwi)
    return stream.feed(text) + stream.finish()


def _without_trailing_gap(text: str) -> str:
    """`text` without white space and empty list items, quotations and rules at its end."""
    body = text.rstrip()
    head, newline, line = body.rpartition("\n")
    while newline and not line.strip(_MARKERS + " \t"):
        body = head.rstrip()
        head, newline, line = body.rpartition("\n")
    return body
