"""What the model is given: system prompt, history, and last the numbered passages and the question.

Pure: nothing here knows a model. How many tokens a prompt takes is asked of the caller's `count_tokens`.
"""

from collections.abc import Callable, Sequence

from server.domain import Hit, Message, Passage, Prompt
from server.errors import QuestionTooLongError

# Of the layouts tried on a model of half a billion parameters, this is the one it neither copies from nor
# loses the thread of: no brackets, no line above the passages, nothing between them and the question. Told in
# these words that there is nothing, it declines; told so in a sentence, it makes something up.
_NOTHING_FOUND = "자료: 없음"


def build_prompt(  # noqa: PLR0913 - everything a prompt is made of, and nothing else
    system: str,
    question: str,
    hits: Sequence[Hit] | None,
    history: Sequence[Message],
    *,
    count_tokens: Callable[[Sequence[Message]], int],
    budget: int,
) -> Prompt:
    """Put together what fits into `budget` tokens.

    The system prompt comes first and is the same, byte for byte, every time, for the engine's prefix cache.
    Where room is short, it goes to these in order, none of them ever cut:

    1. the system prompt and the question;
    2. the best passage;
    3. the history, from its newest message back, starting with a player's turn;
    4. the other passages, best first.

    Args:
        system: the system prompt.
        question: the player's own words; the last message ends in them.
        hits: what was found, best first; the message says so if that is nothing. None if nothing was looked
            for: then the last message is the question alone.
        history: the turns before the question, oldest first, by `user` and `assistant` only.
        count_tokens: how many tokens messages take as the model's template renders them. Called once if
            everything fits, about ten times if not.
        budget: the most tokens that the prompt may take.

    Raises:
        QuestionTooLongError: system prompt and question alone take more than `budget`.
    """
    found = tuple(hits or ())

    def prompt(turns: int, passages: int) -> Prompt:
        used = found[:passages]
        last = question if hits is None else _last_message(question, used)
        kept = history[len(history) - turns :]
        messages = (Message("system", system), *kept, Message("user", last))
        return Prompt(
            messages=messages,
            tokens=count_tokens(messages),
            used=used,
            left_out=found[passages:],
            dropped_turns=len(history) - turns,
        )

    everything = prompt(len(history), len(found))
    if everything.tokens <= budget:
        return everything
    least = prompt(0, 0)
    if least.tokens > budget:
        raise QuestionTooLongError(least.tokens, budget)
    best = _largest(least, lambda size: prompt(0, size), range(1, len(found[:1]) + 1), budget)
    shown = len(best.used)
    talk = _largest(best, lambda turns: prompt(turns, shown), _openings(history), budget)
    turns = len(history) - talk.dropped_turns
    further = range(shown + 1, len(found) + 1) if shown else ()
    return _largest(talk, lambda size: prompt(turns, size), further, budget)


def _openings(history: Sequence[Message]) -> list[int]:
    """How many of the newest turns may be kept, ascending: templates want the player to speak first."""
    size = len(history)
    return [size - at for at in reversed(range(size)) if history[at].role == "user"]


def _largest(fits: Prompt, build: Callable[[int], Prompt], sizes: Sequence[int], budget: int) -> Prompt:
    """The prompt of the largest of ascending `sizes` within `budget`, by bisection; `fits` if none is."""
    low, high = 0, len(sizes)
    while low < high:
        middle = (low + high) // 2
        candidate = build(sizes[middle])
        if candidate.tokens <= budget:
            fits, low = candidate, middle + 1
        else:
            high = middle
    return fits


def _last_message(question: str, hits: Sequence[Hit]) -> str:
    lines = [f"자료 {number}. {_line(hit.passage)}" for number, hit in enumerate(hits, start=1)]
    return "\n".join([*(lines or [_NOTHING_FOUND]), "", f"질문: {question}"])


def _line(passage: Passage) -> str:
    """A passage on one line, under its headings unless its text names them.

    On one line, because then no text of a document can pass for the next passage or for the question.
    """
    text = " / ".join(" ".join(line.split()) for line in passage.text.splitlines() if line.strip())
    heading = " ".join((passage.context or passage.title).split())
    return text if heading in text else f"{heading}: {text}"
