"""Values that a document names once and uses many times."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.documents import read_document
from server.documents.values import fill_in
from server.errors import DocumentError

TABLE = "# 안내\n\n| 이름 | 값 | 뜻 |\n| --- | --- | --- |\n| 환불 기한 | 3일 | 전액 |\n| 위약금 | 50% | |\n"


def test_names_become_values_in_text_headings_and_tables(tmp_path: Path) -> None:
    """Everywhere but in code a name is its value, and the heading in the locator is the one that is read."""
    path = tmp_path / "faq.md"
    path.write_text(
        f"{TABLE}\n## {{{{환불 기한}}}} 전에 취소하면요?\n{{{{ 위약금 }}}}를 냅니다.\n\n"
        "| 때 | 위약금 |\n| --- | --- |\n| 당일 | {{위약금}} |\n\n```\n{{위약금}}\n```\n",
        encoding="utf-8",
    )
    _, prose, table, code = read_document(path, "faq.md").blocks
    assert (prose.text.strip(), prose.title) == ("50%를 냅니다.", "3일 전에 취소하면요?")
    assert prose.locator == "heading:안내 > 3일 전에 취소하면요?"
    assert "| 당일 | 50% |" in table.text
    assert "{{위약금}}" in code.text


def test_a_value_may_hold_an_escaped_pipe_and_inline_code_is_left_alone() -> None:
    """A pipe behind a backslash is the value's own, and what stands in backticks is nobody's name."""
    text = "# 제목\n| 이름 | 값 |\n| --- | --- |\n| 기한 | 3\\|4일 |\n\n{{기한}} 전, `{{없는 이름}}`"
    assert fill_in(text, "글.md").endswith("3|4일 전, `{{없는 이름}}`")


@pytest.mark.parametrize(
    "text",
    [
        "# 안내\n{{환불 기한}} 전",
        "| 낱말 | 값 |\n| --- | --- |\n| 환불 기한 | 3일 |\n\n{{환불 기한}}",
        "| 때 | 돈 |\n| --- | --- |\n| 당일 | 0원 |\n\n| 이름 | 값 |\n| --- | --- |\n| 가 | 나 |\n\n{{가}}",
        "```\n| 이름 | 값 |\n| --- | --- |\n| 가 | 나 |\n```\n{{가}}",
    ],
)
def test_without_a_table_of_values_nothing_is_filled_in(text: str) -> None:
    """Braces in a document whose first table isn't one of values are the document's own."""
    assert fill_in(text, "글.md") == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"{TABLE}\n{{{{환불기한}}}}",
            "line 8: the table of values has no '환불기한'; did you mean 환불 기한",
        ),
        (f"{TABLE}\n\n{{{{}}}}", "line 9: the table of values has no ''"),
        (f"{TABLE}| 위약금 | 3% |\n", "line 7: the value '위약금' is there already"),
        (f"{TABLE}| 수수료 | |\n", "line 7: the value '수수료' is empty"),
        (f"{TABLE}| | 3% |\n", "line 7: a value has no name"),
        (f"{TABLE}| 수수료 | {{{{위약금}}}} |\n", "line 7: the value '수수료' names another"),
        (f"{{{{위약금}}}}\n\n{TABLE}", "line 1: {{위약금}} stands before the first heading"),
    ],
)
def test_what_cannot_be_filled_in_is_refused_by_its_line(text: str, message: str) -> None:
    """A document with a wrong value is refused as a whole, with the line and what is wrong there."""
    with pytest.raises(DocumentError) as caught:
        fill_in(text, "faq.md")
    assert message in str(caught.value)


@given(st.text(st.characters(exclude_characters="|{}`~#\\<\n\r", exclude_categories=["C", "Z"]), min_size=1))
def test_any_value_is_filled_in_as_it_is(value: str) -> None:
    """What stands in the table stands in the text, whatever its characters are to a regular expression."""
    text = f"# 제목\n| 이름 | 값 |\n| --- | --- |\n| 가 | {value} |\n\n앞{{{{가}}}}뒤"
    assert fill_in(text, "글.md").endswith(f"앞{value}뒤")
