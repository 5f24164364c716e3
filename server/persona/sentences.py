"""A stream of text with each sentence's end in 해요체; quotations, code, tables and names stay as they are.

Text is decided 어절 by 어절 (a run without white space), and only once it is complete, so that the outcome
doesn't depend on how the stream was cut. An 어절 that may end a sentence without punctuation waits for what
follows it, as does one that may end a bare noun phrase.
"""

import re

from kiwipiepy import Kiwi

from server.hangul import is_hangul
from server.persona.boundaries import Boundary, after_word, may_end, within_word
from server.persona.endings import polite_ending
from server.persona.lines import Line
from server.persona.nouns import Completion, awaits_more, completion, is_noun_phrase

# How much of a sentence Kiwi sees: enough to tell 걷다 from 걷히다, little enough to stay fast.
_CONTEXT_CHARS = 80

_WORD = re.compile(r"(?P<word>\S+)(?P<gap>[^\S\n]*)(?P<next>\n|\S{0,2})")
_TEXT = re.compile(r"\S")
_PIECE = re.compile(
    r"(?P<url>(?:https?://|www\.)[^\s\"'`<>()\[\]*가-힣“”‘’「」『』《》]+)"
    r"|(?P<code>`+)"
    r"|(?P<run>[0-9A-Za-z가-힣]+)"
    r"|(?P<mark>.)"
)
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
        self._begun = False
        self._line = Line()

    @property
    def in_fence(self) -> bool:
        """Whether a code fence is open."""
        return self._line.in_fence

    def feed(self, text: str) -> str:
        """Take the next piece of the stream; returns what is decided by now, all but the last 어절."""
        self._buffer += text
        return self._advance(ended=False)

    def finish(self, *, complete: bool) -> str:
        """The stream has ended: returns the rest. If it is `complete`, a bare noun at its end is closed."""
        return self._advance(ended=True, complete=complete)

    def _advance(self, *, ended: bool, complete: bool = True) -> str:
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
            after = after_word(match["gap"], match["next"]) if waits else None
            at = match.end("word")
            follows: str | None = match["next"][:1] or " "
            if ended and _TEXT.search(self._buffer, at) is None:
                follows = "" if complete else None
            out.append(self._word(match["word"], after, follows))
        self._buffer = self._buffer[at:]
        return "".join(out)

    def _is_decided(self, match: re.Match[str]) -> bool:
        word_end, size = match.end("word"), len(self._buffer)
        if word_end == size:
            return False
        if _TEXT.search(self._buffer, word_end) is None and self._may_close(match["word"]):
            return False
        if self._buffer[word_end] == "\n" or not may_end(match["word"]):
            return True
        return match["next"] == "\n" or len(match["next"]) > 1 or match.end() < size

    def _may_close(self, word: str) -> bool:
        """Whether `word` ends a bare noun phrase if the answer ends here."""
        if not awaits_more(word):
            return False
        return not word.isalnum() or is_noun_phrase(self._kiwi, _as_read(_recent(self._sentence + word)))

    def _space(self, space: str) -> None:
        self._sentence += space
        if space == "\n":
            # A quotation that is still open at the end of its line was none: an apostrophe, an inch mark.
            self._closer = None
            self._sentence = ""
            self._line.breaks()

    def _word(self, word: str, after: Boundary | None, follows: str | None) -> str:
        first, self._begun = not self._begun, True
        starts_line = self._line.starts(word, alone=first and follows == "")
        if self._line.verbatim:
            return word
        out: list[str] = []
        completed = None
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
                if text == piece.group() and follows is not None:
                    completed = self._completion(word[piece.end() :], follows, alone=first)
            out.append(text)
        read = "".join(out)
        if completed is not None:
            at = len(read) - completed.before_end
            read = read[: at - completed.cut] + completed.text + read[at:]
        self._line.ends(read)
        return read

    def _open(self, word: str, mark: re.Match[str]) -> None:
        text, at = mark.group(), mark.start()
        before, behind = word[at - 1 : at], word[at + 1 : at + 2]
        if text in ".!?" and not (before.isdigit() and behind.isdigit()):
            self._sentence = ""
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

    def _completion(self, behind: str, follows: str, *, alone: bool) -> Completion | None:
        if self._line.listed:
            return None
        if self._line.is_one_of_several(labelled=":" in self._sentence):
            # Nothing but punctuation ends a sentence here.
            follows = follows or "\n"
        return completion(self._kiwi, self._context(), behind, follows, alone=alone)

    def _context(self) -> str:
        self._sentence = _recent(self._sentence)
        return _as_read(self._sentence)


def _recent(sentence: str) -> str:
    if len(sentence) <= _CONTEXT_CHARS:
        return sentence
    return sentence[-_CONTEXT_CHARS:].partition(" ")[2] or sentence[-_CONTEXT_CHARS:]


def _as_read(sentence: str) -> str:
    """A sentence without markup and closed asides."""
    # 골키퍼(GK)입니다: a suffix goes by the word before the parentheses.
    return _UNREAD.sub("", _INSIDE_PARENTHESES.sub("", sentence)).lstrip()
