"""Our own documents: enough of them, each saying what it is and whence, in passages that stand alone."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.handbook import (
    FAQ,
    GLOSSARY,
    README,
    VENUES,
    articles,
    front_matter,
    rows,
    sections,
    sentences,
    source,
    tables,
)

FOLDERS = {"rules", "columns", "faq", "history", "glossary", "venues", "about"}
REGIONS = {
    "서울특별시",
    "부산광역시",
    "대구광역시",
    "인천광역시",
    "광주광역시",
    "대전광역시",
    "울산광역시",
    "세종특별자치시",
    "경기도",
    "강원특별자치도",
    "충청북도",
    "충청남도",
    "전북특별자치도",
    "전라남도",
    "경상북도",
    "경상남도",
    "제주특별자치도",
}

PLACEHOLDER = re.compile(r"\{\{(.+?)\}\}")
COMMENT = re.compile(r"<!--[\s\S]*?-->")
SENTENCE = re.compile(r"[.?!](?=\s|$)")
LIST_ITEM = re.compile(r"^- .*$", re.MULTILINE)
POINTS_ABOVE = re.compile(
    r"(?:이것|그것|이는|그는|이때|그때|이 경우|그 경우|위에서|위의|앞에서|앞서)(?![가-힣]{2})"
)

every_article = pytest.mark.parametrize("path", articles(), ids=source)


def body(path: Path) -> str:
    """The text that a reader gets, without front matter and comments."""
    return COMMENT.sub("", front_matter(path)[1]).strip()


def passages(path: Path) -> list[tuple[str, str]]:
    """Headings below the title with their text, tables and empty group headings left out."""
    return [
        (section.heading, COMMENT.sub("", section.text).strip())
        for section in sections(path)
        if section.level > 1 and section.text and "\n|" not in f"\n{section.text}"
    ]


def policy() -> dict[str, str]:
    """The FAQ's table of values."""
    lines = re.findall(r"^\| (.+?) \| (.+?) \| .+ \|$", front_matter(FAQ)[1], flags=re.MULTILINE)
    return {name: value for name, value in lines if name != "이름" and set(value) != {"-"}}


def spelled_out(text: str) -> list[str]:
    """The policy values that a text writes in figures where it should name them."""
    values = sorted(set(policy().values()))
    return [value for value in values if re.search(rf"(?<![\d.~]){re.escape(value)}(?!\d)", text)]


def test_there_is_enough_to_answer_from() -> None:
    """The documents hold at least 80,000 characters, and every folder its share."""
    assert sum(len(body(path)) for path in articles()) >= 80_000
    assert {path.parent.name for path in [*articles(), *tables()]} == FOLDERS


def test_columns_are_many_and_of_a_column_s_length() -> None:
    """At least thirty pieces, each of 800 to 2,000 characters."""
    lengths = {source(path): len(body(path)) for path in articles("columns")}
    assert len(lengths) >= 30
    assert {name: length for name, length in lengths.items() if not 800 <= length <= 2_000} == {}


def test_the_faq_has_a_hundred_pairs() -> None:
    """Each question is a heading of its own below its category."""
    questions = [section for section in sections(FAQ) if section.level == 3]
    assert len(questions) >= 100
    assert [question.heading for question in questions if not question.text] == []


def test_a_policy_value_stands_once() -> None:
    """No answer spells out a value of the table, and every value of the table is used."""
    values = policy()
    assert len(values) >= 30
    answers = [
        section for section in sections(FAQ) if section.level > 1 and section.heading != "이 문서의 값"
    ]
    spelled = [(answer.heading, spelled_out(f"{answer.heading}\n{answer.text}")) for answer in answers]
    assert [found for found in spelled if found[1]] == []
    used = {name for answer in answers for name in PLACEHOLDER.findall(f"{answer.heading}\n{answer.text}")}
    assert used == set(values)


def test_every_venue_says_that_it_is_an_example() -> None:
    """Name, address and remark each say so, and there is something to find in all seventeen provinces."""
    header, *venues = rows(VENUES)
    name, region, district, address, remark = (
        header.index(column) for column in ("구장명", "시도", "시군구", "주소", "비고")
    )
    assert len(venues) >= 60
    assert {row[region] for row in venues} == REGIONS
    for row in venues:
        assert row[name].startswith("예시 "), row
        assert re.fullmatch(rf"{row[region]} (?:{row[district]} )?예시로 \d+", row[address]), row
        assert row[remark].startswith("실제 구장이 아닌 예시입니다."), row


def test_the_glossary_tells_what_else_players_say() -> None:
    """Each term's heading holds other words for it in brackets, and no two terms share one."""
    terms = [section.heading for section in sections(GLOSSARY) if section.level == 2]
    assert len(terms) >= 70
    assert [term for term in terms if not re.fullmatch(r"[^()]+ \([^()]+\)", term)] == []
    words = Counter(word.strip() for term in terms for word in re.split(r"[(,]", term.removesuffix(")")))
    assert [word for word, count in words.items() if count > 1] == []


@pytest.mark.parametrize("path", tables(), ids=source)
def test_tables_are_even_and_full(path: Path) -> None:
    """Every row has as many cells as the header, none of them empty, and no two rows are the same."""
    header, *lines = rows(path)
    assert all(len(row) == len(header) and all(cell.strip() for cell in row) for row in lines)
    names = Counter(row[header.index("사실" if "사실" in header else header[0])] for row in lines)
    assert [name for name, count in names.items() if count > 1] == []


def test_tables_name_their_licence_in_the_readme() -> None:
    """A CSV has no front matter, so the README names each one."""
    readme = README.read_text(encoding="utf-8")
    assert tables()
    assert [path for path in tables() if f"`{source(path)}`" not in readme] == []


@every_article
def test_every_article_says_what_it_is_and_whence(path: Path) -> None:
    """Title, licence and at least one source stand in the front matter, the edition in a rule's."""
    head, text = front_matter(path)
    assert head["title"]
    assert head["license"] == "MIT"
    assert head["sources"].startswith("- ")
    assert path.parent.name != "rules" or "2023-24" in head["edition"]
    assert [section.level for section in sections(path)].count(1) == 1
    assert text.lstrip().startswith("# ")


@every_article
def test_headings_are_told_apart(path: Path) -> None:
    """No heading stands twice in a document, and none is a bare word for an ending."""
    headings = Counter(section.heading for section in sections(path))
    assert [heading for heading, count in headings.items() if count > 1] == []
    assert headings.keys() & {"마무리", "결론", "정리", "서론", "들어가며", "개요", "기타"} == set()


@every_article
def test_sections_stand_on_their_own(path: Path) -> None:
    """A section is a few sentences of a passage's length that don't open with a word that points above it."""
    found = passages(path)
    assert found
    for heading, text in found:
        prose = LIST_ITEM.sub("", text)
        assert len(SENTENCE.findall(text)) >= 2, f"{heading}: {text}"
        assert len(SENTENCE.findall(prose)) <= 6, f"{heading}: {text}"
        assert len(text) >= 50, f"{heading}: {len(text)} characters"
        assert len(prose) <= 450, f"{heading}: {len(prose)} characters"
        assert not POINTS_ABOVE.match(text), f"{heading}: {text[:20]}"
        assert text != heading


@every_article
def test_nobody_can_be_called_or_visited(path: Path) -> None:
    """No address of a site or a mailbox and no telephone number stands in a document; 119 may be called."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"https?:|www\.|\b[\w-]+\.(?:com|net|org|co\.kr|kr)\b|\S+@\S+", text) == []
    assert re.findall(r"\b0\d{1,2}[-.) ]\d{3,4}[-. ]\d{4}\b|\b1\d{3}-\d{4}\b", text) == []


# A spelling, a term or a turn of phrase that a good editor would change, with what stands there instead.
EDITED: tuple[tuple[str, str], ...] = (
    (r"골 ?클리런스|골클리어런스|골 ?클리어랜스", "골 클리어런스"),
    (r"킥 인(?![조원])|킥-인", "킥인"),
    (r"코너 킥|코너-킥", "코너킥"),
    (r"킥 오프|킥-오프", "킥오프"),
    (r"페널티 킥|패널티|페날티", "페널티킥, 페널티"),
    (r"프리 킥", "프리킥"),
    (r"드롭 볼|드랍볼", "드롭볼"),
    (r"타임 아웃|타임아웃", "작전 타임"),
    (r"센터서클", "센터 서클"),
    (r"골 ?포스트 바|골 포스트|크로스 바", "골포스트, 크로스바"),
    (r"제[23]부심|제2주심|(?<!는 )타임 키퍼", "제2심판, 제3심판, 계시원"),
    (r"교체 지역|교체지역|교체구역", "교체 구역"),
    (r"기술지역", "기술 지역"),
    (r"누적 파울|누적파울|누적반칙", "누적 반칙"),
    (r"파워플레이", "파워 플레이"),
    (r"사이드라인|터치 라인|골 라인|하프 라인", "터치라인, 골라인, 하프라인"),
    (r"에 의해|에 의하여", "translationese: name who does it"),
    (r"에 있어서(?!도| 앉|는 안)", "translationese: ~에, ~에서"),
    (r"[를을] 가지고 있(?:다|습니다)", "translationese: ~이 있습니다"),
    (r"되어지|보여지|쓰여지|불리워지|여겨지", "a doubled passive"),
    (r"중 하나입니다", "translationese: 가장 ~한 것 중 하나"),
    (r"당신|귀하", "nobody is addressed like this"),
    (r"것이 좋을 것|할 필요가 있습니다", "roundabout"),
    (r" [–—-] |—|\*\*", "no dashes, no bold"),
    (r"[\U0001F300-\U0001FAFF]", "no emoji"),
    (r"(?:(?<=\s)|^)(?:매력적인|다양한 매력|완벽한)", "praise that says nothing"),
)


def edits(text: str) -> list[str]:
    """What an editor would change in a sentence, each with what stands there instead."""
    return [
        f"{found.group()!r}: {instead}"
        for pattern, instead in EDITED
        for found in [re.search(pattern, text)]
        if found
    ]


@every_article
def test_the_wording_is_edited(path: Path) -> None:
    """Terms have one spelling outside the headings, and no sentence reads like a translation."""
    found = [
        (at.heading, at.text, wanted) for at in sentences(path) if at.heading and (wanted := edits(at.text))
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "골클리런스로 다시 시작합니다.",
        "킥 인은 4초 안에 찹니다.",
        "제3부심이 누적 파울을 셉니다.",
        "경기는 주심에 의해 끝납니다.",
        "당신의 팀은 공을 가지고 있습니다.",
        "풋살은 가장 빠른 종목 중 하나입니다.",
        "공은 **둥근** 모양입니다.",
    ],
)
def test_unedited_wording_is_noticed(text: str) -> None:
    """The list of edits finds what it is there for."""
    assert edits(text)


def test_a_value_in_figures_is_noticed() -> None:
    """An answer that repeats a value of the table is found, and one that only looks like it isn't."""
    value = policy()["전액 환불 기한"]
    assert spelled_out(f"이용일 {value} 전까지 취소합니다.") == [value]
    assert spelled_out(f"이용일 9{value} 전까지 취소합니다.") == []
