"""A stream of text with each sentence's end in 해요체; quotations, code, tables and names stay as they are.

Text is decided 어절 by 어절 (a run without white space), and only once it is complete, so that the outcome
doesn't depend on how the stream was cut. An 어절 that may end a sentence without punctuation waits for what
follows it.
"""

import re

from kiwipiepy import Kiwi

from server.persona.boundaries import Boundary, after_word, may_end, within_word
from server.persona.endings import polite_ending
from server.persona.reading import is_hangul

# How much of a sentence Kiwi sees: enough to tell 걷다 from 걷히다, little enough to stay fast.
_CONTEXT_CHARS = 80

_WORD = re.compile(r"(?P<word>\S+)(?P<gap>[^\S\n]*)(?P<next>\n|\S{0,2})")
_PIECE = re.compile(
    r"(?P<url>(?:https?://|www\.)[^\s\"'`<>()\[\]*가-힣“”‘’「」『』《》]+)"
    r"|(?P<code>`+)"
    r"|(?P<run>[0-9A-Za-z가-힣]+)"
    r"|(?P<mark>.)"
)
_FENCE = re.compile(r"```+[^`]*$")
_CLOSERS = {"“": "”", "‘": "’", "「": "」", "『": "』", "《": "》", "<": ">", '"': '"', "'": "'"}
# '24년, '90s: an apostrophe, no quotation.
_YEAR = re.compile(r"'\d\d(?!\d)")

_INSIDE_PARENTHESES = re.compile(r"\([^()]*\)")
_UNREAD = re.compile(r"[*_`~\U00010000-\U0010ffff]")
# "다." or "가)" at the start of a line counts, it says nothing.
_MARKER = re.compile(r"[가나다라마바사아자차카타파하][.)]+$")


class SentenceRewriter:
    """Rewrites the ends of sentences in a stream; see `feed`."""

    def __init__(self, kiwi: Kiwi) -> None:
        self._kiwi = kiwi
        self._buffer = ""
        self._sentence = ""
        self._closer: str | None = None
        self._line_start = True
        self._verbatim_line = False
        self.in_fence = False

    def feed(self, text: str) -> str:
        """Take the next piece of the stream; returns what is decided by now, all but the last 어절."""
        self._buffer += text
        return self._advance(ended=False)

    def finish(self) -> str:
        """The stream has ended: returns the rest."""
        return self._advance(ended=True)

    def _advance(self, *, ended: bool) -> str:
        out: list[str] = []
        at = 0
        while at < len(self._buffer):
            if self._buffer[at].isspace():
                self._space(self._buffer[at])
                out.append(self._buffer[at])
                at += 1
                continue
            match = _WORD.match(self._buffer, at)
            if match is None or (not ended and not self._is_decided(match)):
                break
            waits = not match["gap"] or may_end(match["word"])
            out.append(self._word(match["word"], after_word(match["gap"], match["next"]) if waits else None))
            at = match.end("word")
        self._buffer = self._buffer[at:]
        return "".join(out)

    def _is_decided(self, match: re.Match[str]) -> bool:
        word_end, size = match.end("word"), len(self._buffer)
        if word_end == size:
            return False
        if self._buffer[word_end] == "\n" or not may_end(match["word"]):
            return True
        return match["next"] == "\n" or len(match["next"]) > 1 or match.end() < size

    def _space(self, space: str) -> None:
        self._sentence += space
        if space == "\n":
            # A quotation that is still open at the end of its line was none: an apostrophe, an inch mark.
            self._closer = None
            self._sentence = ""
            self._line_start, self._verbatim_line = True, False

    def _word(self, word: str, after: Boundary | None) -> str:
        starts_line, self._line_start = self._line_start, False
        if starts_line and _FENCE.match(word):
            self.in_fence = not self.in_fence
            self._verbatim_line = True
        elif starts_line and word.startswith("|"):
            self._verbatim_line = True
        if self.in_fence or self._verbatim_line:
            return word
        out: list[str] = []
        for piece in _PIECE.finditer(word):
            text = piece.group()
            self._sentence += text
            if self._closer is not None:
                self._close(word, piece)
            elif piece.lastgroup == "code":
                self._closer = text
            elif piece.lastgroup == "mark":
                self._open(word, piece)
            elif piece.lastgroup == "run" and not (starts_line and _MARKER.match(word)):
                text = self._ending(word, piece, after)
            out.append(text)
        return "".join(out)

    def _open(self, word: str, mark: re.Match[str]) -> None:
        text, at = mark.group(), mark.start()
        if text in ".!?":
            self._sentence = ""
        before, behind = word[at - 1 : at], word[at + 1 : at + 2]
        ambiguous = text in "\"'<" and (before.isalnum() or not behind or _YEAR.match(word, at) is not None)
        if ambiguous or (text == "<" and behind in "=-<"):
            return
        self._closer = _CLOSERS.get(text)

    def _close(self, word: str, piece: re.Match[str]) -> None:
        if piece.group() != self._closer:
            return
        behind = word[piece.end() : piece.end() + 1]
        if self._closer != "'" or not (behind.isascii() and behind.isalpha()):
            self._closer = None

    def _ending(self, word: str, run: re.Match[str], after: Boundary | None) -> str:
        text = run.group()
        if not is_hangul(text[-1]):
            return text
        boundary = within_word(word[run.end() :], after)
        if boundary is None:
            return text
        ending = polite_ending(self._kiwi, self._context(), boundary)
        if ending is None or ending.cut > len(text):
            return text
        return text[: len(text) - ending.cut] + ending.text

    def _context(self) -> str:
        """The sentence so far as it is read, without markup and closed asides."""
        sentence = self._sentence
        if len(sentence) > _CONTEXT_CHARS:
            self._sentence = sentence = (
                sentence[-_CONTEXT_CHARS:].partition(" ")[2] or sentence[-_CONTEXT_CHARS:]
            )
        # 골키퍼(GK)입니다: a suffix goes by the word before the parentheses.
        return _UNREAD.sub("", _INSIDE_PARENTHESES.sub("", sentence)).lstrip()
