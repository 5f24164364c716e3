"""Short stretches of a passage that get a vector of their own, so that one fact in it is found."""

from kiwipiepy import Kiwi

from server.documents.packing import pack
from server.documents.sentences import split_sentences
from server.domain import Passage


def windows(kiwi: Kiwi, passage: Passage, *, target_chars: int) -> list[str]:
    """The passage's sentences in groups of about `target_chars`; none if the text is hardly longer than one.

    A question that opens its own answer is a window by itself: people's questions resemble it more than they
    resemble any answer.
    """
    opening, _, rest = passage.text.partition("\n")
    if rest and opening == passage.title:
        return [opening, *_groups(kiwi, rest, target_chars)]
    return _groups(kiwi, passage.text, target_chars)


def _groups(kiwi: Kiwi, text: str, target_chars: int) -> list[str]:
    if len(text) <= target_chars * 4 / 3:
        return []
    spans = pack(text, split_sentences(kiwi, text), lambda _: True, target_chars=target_chars, overlap=0)
    return [text[slice(*span)].strip() for span in spans] if len(spans) > 1 else []
