"""How well a search finds what answers: hit rates and mean reciprocal rank.

hit@k is the share of questions with an answering passage among the first k; MRR@10 the mean of one over the
place of the first answering passage, 0 beyond the tenth (Voorhees, "The TREC-8 Question Answering Track
Report", 1999). fact@4 is the share of questions with a known fact that one of the first four passages says in
full, wherever it stands: where several passages say the same, any of them will do.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles

from server.domain import Hit
from server.evaluate.judge import rank, says
from server.evaluate.questions import Question

FEW = 4  # as many passages as stand before the model
MANY = 10

Search = Callable[[str, int], Sequence[Hit]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search brought for one question: asked for few passages, and asked for many.

    They are asked for separately because a fusion may put other passages first when each leg brings more.
    """

    question: Question
    few: tuple[Hit, ...]
    many: tuple[Hit, ...]

    @property
    def rank(self) -> int | None:
        """The place of the first answering passage among the few."""
        return rank(self.question.answers, (hit.passage for hit in self.few))

    @property
    def rank_in_many(self) -> int | None:
        """The place of the first answering passage among the many."""
        return rank(self.question.answers, (hit.passage for hit in self.many))

    @property
    def says_fact(self) -> bool:
        """Whether one of the few passages says what a right answer says."""
        return any(says(self.question.fact, hit.passage) for hit in self.few)


@dataclass(frozen=True, slots=True)
class Scores:
    """Over `n` questions that have answers; figures are shares from 0 to 1, and 0 where there are none.

    `fact_4` is over those of them whose fact is known, None if there are none.
    """

    n: int
    hit_1: float
    hit_4: float
    hit_10: float
    mrr: float
    fact_4: float | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """The quartiles of the best passage's score over `n` questions."""

    n: int
    lower: float
    median: float
    upper: float


def ask(question: Question, search: Search) -> Outcome:
    """Put one question to a search."""
    few, many = (tuple(search(question.question, limit)) for limit in (FEW, MANY))
    return Outcome(question, few, many)


def answerable(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Those whose question the corpus answers; the others can't be found, and count in no score."""
    return [outcome for outcome in outcomes if outcome.question.answers]


def scores(outcomes: Iterable[Outcome]) -> Scores:
    """The figures of all answerable questions among the outcomes."""
    counted = answerable(outcomes)
    if not counted:
        return Scores(0, 0.0, 0.0, 0.0, 0.0)
    ranks = [outcome.rank for outcome in counted]
    ranks_in_many = [outcome.rank_in_many for outcome in counted]
    with_fact = [outcome for outcome in counted if outcome.question.fact]
    return Scores(
        n=len(counted),
        hit_1=fmean(place == 1 for place in ranks),
        hit_4=fmean(place is not None for place in ranks),
        hit_10=fmean(place is not None for place in ranks_in_many),
        mrr=fmean(1 / place if place else 0.0 for place in ranks_in_many),
        fact_4=fmean(outcome.says_fact for outcome in with_fact) if with_fact else None,
    )


def grouped(outcomes: Iterable[Outcome], name: Callable[[Question], str]) -> dict[str, list[Outcome]]:
    """The answerable outcomes by a name of their question, in the order in which the names first occur."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in answerable(outcomes):
        groups.setdefault(name(outcome.question), []).append(outcome)
    return groups


def top_scores(outcomes: Iterable[Outcome]) -> Spread | None:
    """How the best passage's score is spread; None if anything was found for fewer than two questions."""
    best = [outcome.few[0].score for outcome in outcomes if outcome.few]
    if len(best) < 2:  # noqa: PLR2004  quartiles need two values
        return None
    lower, median, upper = quantiles(best, n=4, method="inclusive")
    return Spread(len(best), lower, median, upper)
