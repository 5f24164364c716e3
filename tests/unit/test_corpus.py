"""Our own documents: enough of them, each saying whose it is, and none contradicting another."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[2] / "corpus"
README = CORPUS / "README.md"
ARTICLES = sorted(path for path in CORPUS.rglob("*.md") if path != README)
TABLES = sorted(CORPUS.rglob("*.csv"))

# Subject, pattern, and every value that its groups may and must capture, wherever in the corpus it matches.
# A pattern stays inside one sentence.
FACTS: tuple[tuple[str, str, set[str]], ...] = (
    ("international pitch", r"국제 경기를 치르는[^.\n]*길이 (\S+)m, 너비 (\S+)m", {"38~42", "20~25"}),
    ("other pitch", r"길이는 (\S+)m, 너비는 (\S+)m", {"25~42", "16~25"}),
    ("goal", r"골대는[^.\n]*너비 (\d+)m, 높이 (\d+)m", {"3", "2"}),
    ("penalty mark", r"페널티 마크는 골[^.\n]*?에서 (\d+)m|골에서 (\d+)m 떨어진 페널티 마크", {"6"}),
    ("10 m mark", r"10m 마크는[^.\n]*?에서 (\d+)m|골에서 (\d+)m 떨어진 10m 마크", {"10"}),
    ("substitution zone", r"터치라인(?:에 있는 길이|의) (\d+)m 구간", {"5"}),
    ("ball size", r"(\d+)호 (?:풋살공|공을|공만)|(\d+)호 풋살", {"4"}),
    ("ball circumference", r"풋살공의 둘레는 (\S+)cm", {"62~64"}),
    ("ball weight", r"풋살공의 무게는[^.\n]*?(\S+)g", {"400~440"}),
    ("ball bounce", r"튀어 오른 높이가 (\d+)cm 이상 (\d+)cm 이하", {"50", "65"}),
    ("players", r"한 팀[은이] (\d+)명(?:입니다|보다)|한 팀 (\d+)명이라는", {"5"}),
    ("fewest players", r"적어도 (\d+)명이 있어야|선수가 (\d+)명보다 적어지면", {"3"}),
    ("substitutes", r"교체 선수는 최대 (\d+)명", {"9"}),
    ("length of a half", r"전반 (\d+)분, 후반 (\d+)분|전후반 (\d+)분", {"20"}),
    ("half-time", r"하프타임[^.\n]*?(\d+)분", {"15"}),
    ("time-out", r"작전 타임[^.\n]*?(\d+)분입니다", {"1"}),
    ("extra time", r"한쪽 길이는 (\d+)분", {"5"}),
    ("goalkeeper's seconds", r"(?:골키퍼|골레이로|자기 진영)[^.\n]{0,30}?(\d+)초", {"4"}),
    ("restart's seconds", r"(?:킥인|코너킥|골 클리어런스|프리킥)[은을] [^.\n]{0,24}?(\d+)초 안", {"4"}),
    ("restart's distance", r"(?:킥인|코너킥|프리킥) 때 상대[^.\n]*?(\d+)m 이상", {"5"}),
    ("kick-off's distance", r"킥오프 때 상대[^.\n]*?(\d+)m 이상", {"3"}),
    ("foul without a wall", r"(\d+)번째 누적 반칙", {"6"}),
    ("a man down", r"퇴장당하면 팀은 (\d+)분|퇴장 뒤 (\d+)분|(\d+)분이 지나(?:지|기|야| 뒤)", {"2"}),
    ("shoot-out", r"승부차기[^.\n]*?(\d+)번씩", {"5"}),
    ("Brazil's titles", r"브라질은 1989년[^.\n]*모두 (\d+)번", {"6"}),
    ("booking refunded in full", r"이용일 (\d+)일 전까지[^.\n]*전액", {"3"}),
    ("match refunded in full", r"시작 (\d+)시간 전까지 취소하면[^.\n]*전액", {"24"}),
    ("match called off", r"시작 (\d+)시간 전까지 10명이", {"3"}),
    ("support hours", r"상담 시간은 평일 오전 (\d+)시부터 오후 (\d+)시까지", {"10", "7"}),
)


def front_matter(path: Path) -> tuple[dict[str, str], str]:
    """The keys of a file's front matter with their values as written, and the body below it."""
    _, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
    keys = re.findall(r"^(\w+):(.*(?:\n  - .*)*)", head, flags=re.MULTILINE)
    return {key: value.strip() for key, value in keys}, body


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines, strict=True))


def texts() -> Iterator[tuple[str, str]]:
    for path in ARTICLES:
        yield path.name, front_matter(path)[1]
    for path in TABLES:
        yield path.name, "\n".join(" ".join(row) for row in rows(path)[1:])


def sections(path: Path) -> list[tuple[str, str]]:
    parts = re.split(r"^#{2,3} (.+)$", front_matter(path)[1], flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def test_there_is_enough_to_answer_from() -> None:
    """The bodies hold at least 20,000 characters, and every folder holds its share."""
    assert sum(len(text) for _, text in texts()) >= 20_000
    assert {path.parent.name for path in ARTICLES + TABLES} == {
        "rules",
        "columns",
        "faq",
        "history",
        "venues",
        "about",
    }


@pytest.mark.parametrize("path", ARTICLES, ids=lambda path: path.name)
def test_every_article_says_what_it_is_and_whence(path: Path) -> None:
    """Title, licence and at least one source stand in the front matter, and the edition in a rule's."""
    head, _ = front_matter(path)
    assert head["title"]
    assert head["license"] in {"MIT", "CC BY 4.0"}
    assert head["sources"].startswith("- ")
    assert path.parent.name != "rules" or "2023-24" in head["edition"]


def test_tables_name_their_licence_in_the_readme() -> None:
    """A CSV has no front matter, so the README names each one."""
    readme = README.read_text(encoding="utf-8")
    assert TABLES
    assert all(f"`{path.relative_to(CORPUS).as_posix()}`" in readme for path in TABLES)


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_tables_are_even_and_full(path: Path) -> None:
    """Every row has as many cells as the header, none of them empty, and no two rows begin alike."""
    header, *body = rows(path)
    assert all(len(row) == len(header) and all(cell.strip() for cell in row) for row in body)
    assert len({row[0] for row in body}) == len(body)


def test_faq_is_questions_and_answers() -> None:
    """The FAQ has the two columns that the platform exports, and at least 40 pairs."""
    header, *pairs = rows(CORPUS / "faq" / "faq.csv")
    assert header == ["질문", "답변"]
    assert len(pairs) >= 40


def test_every_venue_says_that_it_is_an_example() -> None:
    """Name, address and remark each say 예시, so that nobody travels to a venue that isn't there."""
    header, *venues = rows(CORPUS / "venues" / "venues.csv")
    name, address, remark = (header.index(column) for column in ("구장명", "주소", "비고"))
    assert len(venues) >= 30
    assert all("예시" in row[column] for row in venues for column in (name, address, remark))
    assert all(re.search(r" 예시로 \d+$", row[address]) for row in venues)


@pytest.mark.parametrize("path", ARTICLES, ids=lambda path: path.name)
def test_sections_stand_on_their_own(path: Path) -> None:
    """A section has some sentences of its own and doesn't open with a word that points above it."""
    found = sections(path)
    assert found
    for heading, text in found:
        assert 1 <= len(re.findall(r"\.(?:\s|$)", text)) <= 10, heading
        assert not re.match(r"\s*(?:이것|그것|이는|그는|이때|그때|위에서|앞에서)", text), heading


@pytest.mark.parametrize(("subject", "pattern", "allowed"), FACTS, ids=[fact[0] for fact in FACTS])
def test_facts_agree_wherever_they_stand(subject: str, pattern: str, allowed: set[str]) -> None:
    """Every number that the corpus gives for a subject is the one that the Laws or the policy give."""
    found = [
        (name, value)
        for name, text in texts()
        for match in re.finditer(pattern, text)
        for value in match.groups()
        if value
    ]
    assert {value for _, value in found} == allowed, f"{subject}: {found}"
