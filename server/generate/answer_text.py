"""From the bytes of drawn tokens to text that may be shown: whole code points, nothing of a stop string."""

import codecs
from collections.abc import Sequence


class AnswerText:
    """Decodes a stream of token bytes and ends it at the first stop string.

    Tokens cut Korean anywhere: a syllable's three UTF-8 bytes often come in two tokens, and a stop string in
    several. What could still become either is held back; everything else goes out at once.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(filter(None, stop))
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self.stopped = False

    def feed(self, piece: bytes) -> str:
        """Take one token's bytes; the text that is now certain, up to a stop string that sets `stopped`."""
        text = self._held + self._decoder.decode(piece)
        found = [at for stop in self._stop if (at := text.find(stop)) >= 0]
        if found:
            self.stopped = True
            self._held = ""
            return text[: min(found)]
        certain = len(text) - max((_overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[certain:]
        return text[:certain]

    def finish(self) -> str:
        """What was held back in case a stop string came; half a code point at the end is dropped."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that `stop` starts with."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
