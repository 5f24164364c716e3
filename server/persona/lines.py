"""What kind of line a word stands on: prose, a list item, a heading, a table row or code."""

import re

_FENCE = re.compile(r"```+[^`]*$")
_MARKER = r"\(?\d{1,3}[.)](?!\d)|[①-⑳]|[가나다라마바사아자차카타파하A-Za-z][.)]"
_LISTED = re.compile(rf"[*_]*(?:[-+•·▪◦‣※▶→#>]|\*$|{_MARKER})")
_BARE = re.compile(r"[0-9A-Za-z가-힣%℃][)*_]*$")
_POLITE = re.compile(r"[요죠][)*_]*$")


class Line:
    """The line that is being read, word by word.

    Attributes:
        verbatim: it is code or a table row, and passes unchanged.
        listed: it is a list item, a heading or a quotation, whose noun phrases stand as they are.
        in_fence: a code fence is open.
    """

    def __init__(self) -> None:
        self.verbatim = False
        self.listed = False
        self.in_fence = False
        self._started = False
        self._bare = False
        self._bare_above = 0

    def starts(self, word: str, *, alone: bool) -> bool:
        """Take the next 어절 as it was written; returns whether it is the first of its line.

        Args:
            word: the 어절.
            alone: whether it is the whole answer, and `5.` therefore no list item.
        """
        if self._started:
            return False
        self._started = True
        fence = _FENCE.match(word) is not None
        self.in_fence ^= fence
        self.verbatim = fence or self.in_fence or word.startswith("|")
        self.listed = not alone and _LISTED.match(word) is not None
        return True

    def ends(self, word: str) -> None:
        """The 어절 as it is shown: the line may end with it."""
        prose = not (self.verbatim or self.listed)
        self._bare = prose and _BARE.search(word) is not None and _POLITE.search(word) is None

    def breaks(self) -> None:
        """The line ends."""
        self._bare_above = self._bare_above + 1 if self._bare else 0
        self._started = self._bare = self.verbatim = self.listed = False

    def is_one_of_several(self, *, labelled: bool) -> bool:
        """Whether the lines right above have no punctuation either: a list without marks, rather than prose.

        One such line may be a heading, but not above one that is `labelled` (주소: …).
        """
        return self._bare_above > (0 if labelled else 1)
