"""Take every sign-off that the model wrote out of a stream, so that the one canonical sign-off can follow.

A sign-off is an invitation (언제든지 물어보세요, with a few variations in wording, spacing and punctuation),
`풋풋~!`, or both. Text that may yet become one is held back; everything else passes at once.
"""

import re

SIGN_OFF = "언제든지 물어보세요! 풋풋~!"

# A space stands for any white space or none.
_ADVERBS = ("", "편하게 ", "더 ", "또 ")
_VERBS = ("물어 보세요", "물어 봐 주세요", "물어 봐요", "물어 보십시오", "물어 보시오")
_INVITATIONS = tuple(f"언제든지 {adverb}{verb}" for adverb in _ADVERBS for verb in _VERBS)
_CHEER = "풋풋"
_MARKUP = "[*_]{0,3}"
_PUNCTUATION = "[!！.~～…♡♥]*"


def _atoms(words: str) -> list[str]:
    """One regular expression a character, each matching one character, or white space of any length."""
    return [{" ": r"\s*", "지": "지?"}.get(character, character) for character in words]


def _beginning(atoms: list[str]) -> str:
    """A regular expression for every beginning of what `atoms` match one after the other."""
    pattern = ""
    for atom in reversed(atoms):
        pattern = f"(?:{atom}{pattern})?"
    return pattern


_INVITATION = "(?:" + "|".join("".join(_atoms(words)) for words in _INVITATIONS) + ")"
_CLOSING = rf"\s*{_CHEER}(?![0-9A-Za-z가-힣]){_PUNCTUATION}"

_SIGNED = re.compile(
    rf"(?P<markup>{_MARKUP})(?:"
    rf"(?P<invitation>{_INVITATION}{_PUNCTUATION})"
    rf"(?:(?P<cheer>{_CLOSING})(?P=markup)|(?P=markup)(?P<cheer_after>{_CLOSING})|(?P=markup))"
    rf"|{_CHEER}[!！~～]{_PUNCTUATION}(?P=markup))"
)
# Also matches some text that can't become a sign-off any more, never too little.
_MAY_BECOME = re.compile(
    "|".join(
        _beginning([_MARKUP, *words, *_CHEER, _PUNCTUATION, _MARKUP])
        for words in ([], *([*_atoms(words), _PUNCTUATION, _MARKUP, r"\s*"] for words in _INVITATIONS))
    )
)
_FIRST = re.compile(rf"{_MARKUP}[언풋]|[*_]{{1,3}}\Z")
_TOPIC = re.compile(r"(?:점|질문|문의|사항|내용|부분|것|거)\s*\Z")
_LEADS_IN = re.compile(r"[0-9A-Za-z가-힣,][^\S\n]*\Z")
# Broken off here, it was going to be a sign-off.
_BROKEN_OFF = re.compile(rf"{_MARKUP}(?:언제든|풋풋)")
_SEEN = 16  # characters before a sign-off that tell whether it stands alone


class SignOffRemover:
    """Removes sign-offs from a stream, and the white space that would be left double.

    Where words lead in to the invitation (궁금하면 언제든지 물어보세요!) it is part of their sentence: it
    stays if more text follows; at the very end the canonical one takes its place (`completes_sentence`).
    """

    def __init__(self) -> None:
        self._buffer = ""
        self._seen = ""
        self._parked: str | None = None
        self._leads_in = False

    @property
    def completes_sentence(self) -> bool:
        """Whether the text ended in words that need the sign-off to be a sentence."""
        return self._parked is not None and self._leads_in

    @property
    def follows_topic(self) -> bool:
        """Whether those words name what to ask (다른 질문 언제든지 물어보세요!), and so are no answer."""
        return self.completes_sentence and _TOPIC.search(self._seen) is not None

    def feed(self, text: str) -> str:
        """Take the next piece of the stream; returns what can't be part of a sign-off."""
        self._buffer += text
        return self._advance(ended=False)

    def finish(self) -> str:
        """The stream has ended: returns what was held back and is no sign-off."""
        return self._advance(ended=True)

    def _advance(self, *, ended: bool) -> str:
        out: list[str] = []
        while self._buffer:
            gap = 0 if self._parked is None else len(self._buffer) - len(self._buffer.lstrip())
            first = _FIRST.search(self._buffer, gap)
            if first is None and gap < len(self._buffer):
                out.append(self._pass(len(self._buffer)))
            if first is None:
                break
            if first.start() > gap:
                out.append(self._pass(first.start()))
                continue
            rest = self._buffer[gap:]
            may_become = _MAY_BECOME.fullmatch(rest) is not None
            if may_become and not ended:
                break
            signed = _SIGNED.match(rest)
            if signed is not None:
                self._park(signed)
                self._buffer = rest[signed.end() :]
            elif may_become and self._is_broken_off(rest):
                self._leads_in = self._parked is None and self._words_before()
                self._parked, self._buffer = "", ""
            else:
                out.append(self._pass(gap + 1))
        return "".join(out)

    def _park(self, signed: re.Match[str]) -> None:
        """Keep what the sign-off leaves behind if text follows it; one right after another leaves nothing."""
        if self._parked is not None:
            return
        cheered = signed["cheer"] or signed["cheer_after"]
        invitation = signed["invitation"]
        self._leads_in = invitation is not None and self._words_before()
        if invitation is not None and (self._leads_in or not cheered):
            self._parked = signed["markup"] + invitation + signed["markup"]
        else:
            self._parked = ""

    def _pass(self, size: int) -> str:
        text, self._buffer = self._buffer[:size], self._buffer[size:]
        if self._parked is not None:
            content = text.lstrip()
            gap, before = text[: len(text) - len(content)], self._seen[len(self._seen.rstrip()) :]
            if not self._parked and before and gap.count("\n") <= before.count("\n"):
                gap = ""
            text = self._parked + gap + content
            self._parked, self._leads_in = None, False
        self._seen = (self._seen + text)[-_SEEN:]
        return text

    def _words_before(self) -> bool:
        return _LEADS_IN.search(self._seen) is not None

    def _is_broken_off(self, rest: str) -> bool:
        alone = self._parked is not None or not self._words_before()
        return "물" in rest or (alone and _BROKEN_OFF.match(rest) is not None)
