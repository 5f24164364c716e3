"""One reader a format: which blocks a file's content becomes."""

from pathlib import Path

import pytest

from server.documents import read_document
from server.domain import BlockKind, Document
from server.errors import DocumentError


def read(folder: Path, name: str, content: str) -> Document:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return read_document(path, name)


def rows(document: Document) -> list[tuple[str, str, str]]:
    return [(block.locator, block.title, block.text) for block in document.blocks]


def test_plain_text_is_one_block(tmp_path: Path) -> None:
    """A text file is one block of prose from offset 0, titled by its name."""
    document = read(tmp_path, "경기_규칙.txt", "첫 줄\n\n둘째 줄")
    (block,) = document.blocks
    assert (document.title, block.title, block.locator) == ("경기 규칙", "경기 규칙", "offset:0")
    assert (block.text, block.kind) == ("첫 줄\n\n둘째 줄", BlockKind.PROSE)


QA = [("row:1", "몇 명이야?", "몇 명이야?\n다섯 명이에요."), ("row:2", "몇 분?", "몇 분?\n20분,\n두 번.")]
VENUES = [
    ("row:1", "가람 풋살장", "구장명: 가람 풋살장\n주소: 가람시 나루구 다솜로 12"),
    ("row:2", "마루 실내장", "구장명: 마루 실내장\n주소: 라온시 마루구 바다로 3, 지하 1층"),
]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            'Question,Answer\n몇 명이야?,다섯 명이에요.\n몇 분?,"20분,\n두 번."\n', QA, id="questions"
        ),
        pytest.param(
            '\ufeffq;a\n몇 명이야?;다섯 명이에요.\n몇 분?;"20분,\n두 번."', QA, id="BOM, semicolons"
        ),
        pytest.param(
            '질문\t답변\r\n몇 명이야?\t다섯 명이에요.\r\n몇 분?\t"20분,\r\n두 번."', QA, id="tabs, CRLF"
        ),
        pytest.param(
            ',답,질문\n0,다섯 명이에요.,몇 명이야?\n1,"20분,\n두 번.",몇 분?', QA, id="numbered rows"
        ),
        pytest.param(
            "Question,Answer\n몇 명?,다섯, 골키퍼도요.\n",
            [("row:1", "몇 명?", "몇 명?\n다섯, 골키퍼도요.")],
            id="loose comma",
        ),
        pytest.param(
            "번호,질문,답,구분\n1,환불은?,하루 전까지예요.,예약\n",
            [("row:1", "환불은?", "환불은?\n하루 전까지예요.\n구분: 예약")],
            id="other columns",
        ),
        pytest.param(
            "구장명,주소\n가람 풋살장,가람시 나루구 다솜로 12\n"
            '마루 실내장,"라온시 마루구 바다로 3, 지하 1층"\n',
            VENUES,
            id="names nobody listed, above longer values",
        ),
        pytest.param(
            "가람,12\n나루,7\n", [("row:1", "가람", "가람\n12"), ("row:2", "나루", "나루\n7")], id="no header"
        ),
        pytest.param(
            "가람장,나루시 다솜구\n마루장,바다시 사랑구\n",
            [("row:1", "가람장", "가람장\n나루시 다솜구"), ("row:2", "마루장", "마루장\n바다시 사랑구")],
            id="no header, and a first row that could pass for one",
        ),
        pytest.param(
            "색,수\n빨강,3\n하양,4\n",
            [("row:1", "빨강", "색: 빨강\n수: 3"), ("row:2", "하양", "색: 하양\n수: 4")],
            id="above numbers",
        ),
        pytest.param(
            "이름,전화\n가람,\n,\n나루,없음\n",
            [("row:1", "가람", "이름: 가람"), ("row:3", "나루", "이름: 나루\n전화: 없음")],
            id="blanks",
        ),
        pytest.param(
            '\ufeff"첫째 글이에요. 쉼표, 또 쉼표."\n"둘째 글, 이에요."\n',
            [
                ("row:1", "첫째 글이에요.", "첫째 글이에요. 쉼표, 또 쉼표."),
                ("row:2", "둘째 글, 이에요.", "둘째 글, 이에요."),
            ],
            id="one column, quoted",
        ),
        pytest.param(
            "하나, 둘, 셋이에요.\n쉼표가 없어요.\n",
            [
                ("row:1", "하나, 둘, 셋이에요.", "하나, 둘, 셋이에요."),
                ("row:2", "쉼표가 없어요.", "쉼표가 없어요."),
            ],
            id="one column, bare",
        ),
        pytest.param(
            "내용\n한 줄이에요.\n",
            [("row:1", "한 줄이에요.", "내용: 한 줄이에요.")],
            id="one column, known name",
        ),
    ],
)
def test_tables(tmp_path: Path, content: str, expected: list[tuple[str, str, str]]) -> None:
    """Each row becomes a block that reads well alone; no first row is lost as a header that it isn't."""
    document = read(tmp_path, "t.csv", content)
    assert rows(document) == expected
    assert {block.kind for block in document.blocks} == {BlockKind.ROW}


def test_a_long_first_sentence_is_shortened_for_the_title(tmp_path: Path) -> None:
    """A title stays short, is cut after a word, and shows that it was cut."""
    (block,) = read(tmp_path, "t.csv", '"' + "아주 긴 문장이 " * 20 + '이어져요."\n').blocks
    assert len(block.title) <= 61
    assert block.title.endswith(("문장이…", "긴…", "아주…"))


def test_an_open_quote_is_refused_with_its_line(tmp_path: Path) -> None:
    """A quote that is never closed would swallow all rows after it, so the table is refused."""
    with pytest.raises(DocumentError, match=r"line 4: .*quotes"):
        read(tmp_path, "t.csv", 'Question,Answer\n하나?,하나요.\n둘?,"둘이요.\n셋?,셋이요.\n')


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param(
            "r.json",
            '[{"질문": "몇 명?", "답": "다섯."}]',
            [("row:1", "몇 명?", "몇 명?\n다섯.")],
            id="questions",
        ),
        pytest.param(
            "r.json",
            '[{"id": 7, "이름": "가람장", "실내": true, "요금": 1.50, "메모": null,'
            ' "시설": ["샤워실", {"주차": 3}]}]',
            [("row:1", "가람장", "이름: 가람장\n실내: true\n요금: 1.50\n시설: 샤워실, 주차: 3")],
            id="object",
        ),
        pytest.param(
            "r.json",
            '["하나예요.", "", "둘이에요."]',
            [("row:1", "하나예요.", "하나예요."), ("row:3", "둘이에요.", "둘이에요.")],
            id="strings",
        ),
        pytest.param(
            "r.json",
            '{"판": "2판", "예약": ["하나"], "용어": {"킥인": {"뜻": "차서 넣기"}}}',
            [
                ("row:1", "2판", "판: 2판"),
                ("row:예약/1", "하나", "하나"),
                ("row:용어/킥인", "차서 넣기", "뜻: 차서 넣기"),
            ],
            id="object of lists and objects",
        ),
        pytest.param(
            "r.json",
            '{"이름": "가람장", "주소": "나루시"}',
            [("row:1", "가람장", "이름: 가람장\n주소: 나루시")],
            id="one record",
        ),
        pytest.param(
            "r.jsonl",
            '{"q": "몇 분?", "a": "20분."}\n\n"\\u1100\\u1161\u2028나"\n',
            [("row:1", "몇 분?", "몇 분?\n20분."), ("row:3", "가 나", "가\u2028나")],
            id="lines",
        ),
    ],
)
def test_json(tmp_path: Path, name: str, content: str, expected: list[tuple[str, str, str]]) -> None:
    """Each record becomes a block, with its numbers as they are written and its escapes composed."""
    assert rows(read(tmp_path, name, content)) == expected


def test_member_names_are_headings(tmp_path: Path) -> None:
    """What an object's members are called is known of the rows below them."""
    document = read(tmp_path, "r.json", '{"예약": {"환불": [{"말": "하루 전까지"}]}}')
    assert [block.headings for block in document.blocks] == [("예약", "환불")]


MARKDOWN = """---
title: "풋살 길잡이"
license: CC0
---
머리말이에요. <!-- 숨긴 말 -->

# 경기
## 시간 ##
20분씩 두 번이에요.
<!-- 여러 줄
숨긴 말 -->

| 구간 | 분 |
| --- | --- |
| 전반 | 20 |

표 다음 문장이에요.

### 작전 타임
```text
# 제목이 아니에요 <!-- 보이는 말 -->
```
#해시태그도 제목이 아니에요.
## 빈 절
# 끝
"""


def test_markdown(tmp_path: Path) -> None:
    """Sections carry their path; tables and code are blocks; front matter and comments are not indexed."""
    document = read(tmp_path, "m.md", MARKDOWN)
    assert document.title == "풋살 길잡이"
    blocks = [(b.locator, b.title, " ".join(b.text.split()), b.kind.value) for b in document.blocks]
    assert blocks == [
        (f"offset:{MARKDOWN.index('머리말') - 37}", "풋살 길잡이", "머리말이에요.", "prose"),
        ("heading:경기 > 시간", "시간", "20분씩 두 번이에요.", "prose"),
        ("heading:경기 > 시간", "시간", "| 구간 | 분 | | --- | --- | | 전반 | 20 |", "row"),
        ("heading:경기 > 시간", "시간", "표 다음 문장이에요.", "prose"),
        (
            "heading:경기 > 시간 > 작전 타임",
            "작전 타임",
            "```text # 제목이 아니에요 <!-- 보이는 말 --> ```",
            "row",
        ),
        ("heading:경기 > 시간 > 작전 타임", "작전 타임", "#해시태그도 제목이 아니에요.", "prose"),
        ("heading:경기 > 빈 절", "빈 절", "빈 절", "prose"),
        ("heading:끝", "끝", "끝", "prose"),
    ]
    assert document.blocks[1].headings == ("경기", "시간")


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("# 첫 제목\n글", "첫 제목"),
        ("## 작은 제목\n글", "파일 이름"),
        ("글뿐이에요.", "파일 이름"),
        ("---\ntitle: 앞글 제목\n---\n# 첫 제목\n글", "앞글 제목"),
        ("---\n글과 가로줄", "파일 이름"),
    ],
)
def test_markdown_titles(tmp_path: Path, content: str, title: str) -> None:
    """The title is the front matter's, else the first heading of level one, else the file's name."""
    assert read(tmp_path, "파일_이름.md", content).title == title


@pytest.mark.parametrize(
    ("name", "content", "examples"),
    [
        ("구장.csv", "구장명,비고\n가람,예시입니다.\n마루,주차가 됩니다.\n", [True, False]),
        (
            "구장.csv",
            "구장명,비고\n가람,예시 사진 있음\n마루,아직 예시입니다. 주차\n",
            [False, True],
        ),
        ("구장.jsonl", '{"name": "가람", "note": "An example."}\n{"name": "예시 마루"}\n', [True, False]),
        ("구장.md", "---\nexample: true\n---\n# 구장\n가람", [True]),
        ("구장.md", "---\ntitle: 예시\n---\n# 예시\nexample: true", [False]),
    ],
)
def test_examples_say_so(tmp_path: Path, name: str, content: str, examples: list[bool]) -> None:
    """A row is an example if its remark says so, a Markdown file if its front matter does."""
    document = read(tmp_path, name, content)
    assert [document.example or block.example for block in document.blocks] == examples


def test_an_open_fence_or_comment_loses_nothing(tmp_path: Path) -> None:
    """An unclosed fence reaches to the end of the file, and an unclosed comment is text."""
    document = read(tmp_path, "m.md", "앞 <!-- 열린 말\n```\n# 코드\n끝")
    assert [block.text.strip() for block in document.blocks] == ["앞 <!-- 열린 말", "```\n# 코드\n끝"]
