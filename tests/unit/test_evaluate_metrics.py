"""The figures are those that their definitions give on small cases worked out by hand."""

import json
from io import StringIO

from rich.console import Console

from server.domain import Hit, Passage
from server.evaluate.metrics import Outcome, Scores, Spread, ask, grouped, scores, top_scores
from server.evaluate.questions import Answer, Question
from server.evaluate.report import as_json, misses, rows, table, unanswerable_lines


def hit(row: int, score: float = 0.5) -> Hit:
    """Make a found passage: one row of a table."""
    found = Passage(id=str(row), source="표.csv", title="", locator=f"row:{row}", text="")
    return Hit(found, score, lexical_rank=row, dense_rank=None)


def outcome(name: str, place: int | None, *, kind: str = "rules", style: str = "plain") -> Outcome:
    """Make what a search brings when row 99, the answer, is at a place among ten."""
    found = [hit(row) for row in range(1, 11)]
    if place:
        found[place - 1] = hit(99)
    question = Question(
        id=name, question=f"{name}?", kind=kind, style=style, answers=(Answer("표.csv", row=99),)
    )
    return Outcome(question, tuple(found[:4]), tuple(found))


def unanswerable(name: str, score: float) -> Outcome:
    """Make what a search brings for a question that nothing answers."""
    question = Question(id=name, question="?", kind="none", style="plain", answers=())
    return Outcome(question, (hit(1, score),), (hit(1, score),))


MIXED = [
    outcome("a", 1),
    outcome("b", 2, style="typo"),
    outcome("c", 5, kind="faq"),
    outcome("d", None, kind="faq", style="typo"),
]


def drawn(found: list[Outcome], baseline: list[Outcome] | None) -> list[list[str]]:
    """Draw the table and take its cells."""
    out = StringIO()
    Console(file=out, width=120).print(table(rows(found, baseline)))
    lines = (line for line in out.getvalue().splitlines() if line.startswith("│"))
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_scores_are_shares_of_the_answerable_questions() -> None:
    """Places 1, 2, 5 and none: each hit rate counts those within it, the reciprocal ranks are averaged."""
    found = scores([*MIXED, unanswerable("e", 0.9)])
    assert found == Scores(4, 0.25, 0.5, 0.75, mrr=(1 + 1 / 2 + 1 / 5) / 4)


def stating(name: str, *texts: str, fact: tuple[str, ...]) -> Outcome:
    """Make what a search brings for a question with a fact: passages of these texts, none pointed to."""
    question = Question(name, "?", "rules", "plain", (Answer("표.csv", row=99),), fact=fact)
    found = tuple(Hit(Passage(text, "표.csv", "", "row:1", text), 0.5, 1, 1) for text in texts)
    return Outcome(question, found[:4], found)


def test_a_fact_counts_where_one_of_the_first_four_passages_says_all_of_it() -> None:
    """Its strings in two passages, or in the fifth, are not said; questions without a fact don't count."""
    said = stating("a", "다른 말", "4 초 안에 5m 밖에서", fact=("4초", "5m"))
    in_two = stating("b", "4초 안에", "5m 밖에서", fact=("4초", "5m"))
    fifth = stating("c", "", "", "", "", "4초", fact=("4초",))
    assert scores([said, in_two, fifth, *MIXED]).fact_4 == 1 / 3
    assert scores(MIXED).fact_4 is None
    assert drawn([said, in_two], None)[-1][-1] == "50.0%"


def test_nothing_answerable_scores_nothing() -> None:
    """Without a question that has answers there is no share to take, and no error."""
    assert scores([unanswerable("e", 0.9)]) == Scores(0, 0.0, 0.0, 0.0, 0.0)


def test_a_search_is_asked_for_few_and_for_many() -> None:
    """Hit@4 is judged on what comes when four are asked for, which need not be the first four of ten."""
    answer = MIXED[0].question

    def search(question: str, limit: int) -> list[Hit]:
        assert question == "a?"
        return [hit(99)] if limit == 4 else [hit(1), hit(99)]

    asked = ask(answer, search)
    assert (asked.rank, asked.rank_in_many) == (1, 2)


def test_groups_keep_the_order_of_the_questions() -> None:
    """Groups come as they first occur, without what has no answers."""
    found = grouped([*MIXED, unanswerable("e", 0.9)], lambda question: question.kind)
    assert {name: len(group) for name, group in found.items()} == {"rules": 2, "faq": 2}
    assert list(found) == ["rules", "faq"]


def test_top_scores_are_told_by_their_quartiles() -> None:
    """Quartiles of 1, 2, 3, 4, 5 are 2, 3 and 4; of fewer than two scores there are none."""
    assert top_scores([unanswerable("e", float(score)) for score in (5, 1, 4, 2, 3)]) == Spread(5, 2, 3, 4)
    assert top_scores([unanswerable("e", 1.0)]) is None


def test_the_table_has_each_kind_each_style_and_all() -> None:
    """Figures stand in their group's row, the baseline's beside them."""
    worse = [
        outcome(each.question.id, None, kind=each.question.kind, style=each.question.style) for each in MIXED
    ]
    found = drawn(MIXED, worse)
    assert found[0] == ["kind", "rules", "2", "50.0%", "100.0%", "100.0%", "0.750", "0.0%", "0.000"]
    assert found[1] == ["", "faq", "2", "0.0%", "0.0%", "50.0%", "0.100", "0.0%", "0.000"]
    assert [row[:3] for row in found[2:]] == [["style", "plain", "2"], ["", "typo", "2"], ["all", "", "4"]]


def test_the_table_does_without_a_baseline() -> None:
    """Nothing stands where the baseline would if it wasn't measured."""
    assert drawn(MIXED, None)[-1] == ["all", "", "4", "25.0%", "50.0%", "75.0%", "0.425"]


def test_unanswerable_questions_are_reported_apart() -> None:
    """How many there are, and how their best scores lie beside the others'."""
    lines = list(unanswerable_lines([*MIXED, unanswerable("e", 0.1), unanswerable("f", 0.3)]))
    assert lines[0].startswith("2 questions that nothing answers")
    assert "median 0.2000, quartiles 0.1500 and 0.2500" in lines[1]
    assert "median 0.5000" in lines[2]
    assert list(unanswerable_lines(MIXED)) == []


def test_misses_say_what_was_wanted_and_what_came() -> None:
    """Only questions without an answer in the first four are listed, with where the answer came if it did."""
    lines = list(misses([*MIXED, unanswerable("e", 0.9)]))
    assert [line for line in lines if not line.startswith(" ")] == [
        "c (faq, plain, answered by number 5): c?",
        "d (faq, typo): d?",
    ]
    assert lines[1:4] == [
        "  wanted 표.csv row:99",
        "  1. 표.csv row:1 (lexical 1, dense -)",
        "  2. 표.csv row:2 (lexical 2, dense -)",
    ]


def test_json_holds_the_rows_and_every_question() -> None:
    """What compares two runs finds each figure, and each question's places and passages."""
    written = json.loads(as_json(MIXED, None))
    assert written["scores"][-1]["scores"]["hit_10"] == 0.75
    assert written["scores"][-1]["baseline"] is None
    assert [question["rank_in_10"] for question in written["questions"]] == [1, 2, 5, None]
    assert written["questions"][0]["found"][0]["locator"] == "row:99"
    assert written["baseline_questions"] == []
