"""Outcomes as a table and a list for the terminal, and as JSON for what compares runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from rich.table import Table

from server.domain import Hit
from server.evaluate.metrics import Outcome, Scores, Spread, answerable, grouped, scores, top_scores
from server.evaluate.questions import Answer, Question

WANTED_SHOWN = 3  # a question about a city is answered by dozens of venues

GROUPINGS: Mapping[str, Callable[[Question], str]] = {
    "kind": lambda question: question.kind,
    "style": lambda question: question.style,
    "all": lambda _: "",
}


@dataclass(frozen=True, slots=True)
class Row:
    """The scores of one group of questions; `by` is kind, style or all, `name` which of them."""

    by: str
    name: str
    scores: Scores
    baseline: Scores | None


def rows(outcomes: Sequence[Outcome], baseline: Sequence[Outcome] | None) -> list[Row]:
    """A row a kind, then a row a style, then one of all questions; `baseline` answers the same questions."""
    found: list[Row] = []
    for by, name_of in GROUPINGS.items():
        of_baseline = grouped(baseline or (), name_of)
        for name, group in grouped(outcomes, name_of).items():
            beside = scores(of_baseline[name]) if baseline else None
            found.append(Row(by, name, scores(group), beside))
    return found


def table(found: Sequence[Row]) -> Table:
    """The rows, a section for each way to group them, in percent save the mean reciprocal rank."""
    drawn = Table()
    for title in ("", "", "n", "hit@1", "hit@4", "hit@10", "MRR"):
        drawn.add_column(title, justify="right" if title else "left")
    with_facts = any(row.scores.fact_4 is not None for row in found)
    if with_facts:
        drawn.add_column("fact@4", justify="right")
    if any(row.baseline for row in found):
        drawn.caption = "base: the search that FutFut began with, over the same passages and vectors"
        drawn.add_column("base\nhit@4", justify="right", style="dim")
        drawn.add_column("base\nMRR", justify="right", style="dim")
    previous = None
    for row in found:
        if row.by != previous:
            drawn.add_section()
        drawn.add_row("" if row.by == previous else row.by, row.name, *_cells(row, with_facts=with_facts))
        previous = row.by
    return drawn


def _cells(row: Row, *, with_facts: bool) -> Iterator[str]:
    yield str(row.scores.n)
    yield from (f"{share:.1%}" for share in (row.scores.hit_1, row.scores.hit_4, row.scores.hit_10))
    yield f"{row.scores.mrr:.3f}"
    if with_facts:
        yield "" if row.scores.fact_4 is None else f"{row.scores.fact_4:.1%}"
    if row.baseline:
        yield f"{row.baseline.hit_4:.1%}"
        yield f"{row.baseline.mrr:.3f}"


def unanswerable_lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """How the best scores of questions that nothing answers lie beside those of the others."""
    with_answers = answerable(outcomes)
    without = [outcome for outcome in outcomes if not outcome.question.answers]
    if without:
        yield f"{len(without)} questions that nothing answers, in no score above. Best passage's score:"
        yield f"  nothing answers   {_spread(top_scores(without))}"
        yield f"  something answers {_spread(top_scores(with_answers))}"


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "too few to tell"
    return f"median {spread.median:.4f}, quartiles {spread.lower:.4f} and {spread.upper:.4f}"


def misses(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Each question with no answer among the first few passages: what was wanted, and what came instead."""
    for outcome in answerable(outcomes):
        if outcome.rank is not None:
            continue
        question = outcome.question
        later = f", answered by number {outcome.rank_in_many}" if outcome.rank_in_many else ""
        yield f"{question.id} ({question.kind}, {question.style}{later}): {question.question}"
        yield from (f"  wanted {_pointer(answer)}" for answer in question.answers[:WANTED_SHOWN])
        yield from (f"  {place}. {_place(hit)}" for place, hit in enumerate(outcome.few, start=1))


def _pointer(answer: Answer) -> str:
    if answer.row is not None:
        return f"{answer.source} row:{answer.row}"
    if answer.heading is not None:
        return f"{answer.source} heading:{answer.heading}"
    return f"{answer.source} with {' and '.join(answer.contains or ())}"


def _place(hit: Hit) -> str:
    ranks = f"lexical {hit.lexical_rank or '-'}, dense {hit.dense_rank or '-'}"
    return f"{hit.passage.source} {hit.passage.locator} ({ranks})"


def as_json(outcomes: Sequence[Outcome], baseline: Sequence[Outcome] | None) -> bytes:
    """Everything that was measured: the rows, and of each question its places and what was found."""
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "scores": rows(outcomes, baseline),
                "questions": [_question(outcome) for outcome in outcomes],
                "baseline_questions": [_question(outcome) for outcome in baseline or ()],
            }
        )
    )


def _question(outcome: Outcome) -> dict[str, object]:
    return {
        "id": outcome.question.id,
        "kind": outcome.question.kind,
        "style": outcome.question.style,
        "split": outcome.question.split,
        "says_fact": outcome.says_fact if outcome.question.fact else None,
        "rank_in_4": outcome.rank,
        "rank_in_10": outcome.rank_in_many,
        "found": [
            {
                "source": hit.passage.source,
                "locator": hit.passage.locator,
                "score": hit.score,
                "lexical_rank": hit.lexical_rank,
                "dense_rank": hit.dense_rank,
            }
            for hit in outcome.many
        ],
    }
