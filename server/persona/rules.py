"""Which endings end a sentence, how surely, and what becomes of each in 해요체.

Endings are named as Kiwi writes them: a final consonant that belongs to the stem's last syllable is a
bare jamo.
"""

from enum import Enum, IntEnum, auto


class Register(IntEnum):
    """How surely an ending ends a sentence, weakest first; the weaker, the clearer must punctuation be."""

    FRAGMENT = 0
    CASUAL = 1
    PLAIN = 2
    FORMAL = 3


class Act(Enum):
    """What is made of an ending."""

    STATE = auto()  # stem + 어요
    ASK = auto()  # stem + 나요 or ㄴ가요
    COMMAND = auto()  # stem + 세요
    CONTRAST = auto()  # stem + 지만
    ADD = auto()  # 요 after what is there


_ENDINGS = (
    (Register.FORMAL, Act.STATE, "ᆸ니다 습니다 읍니다 답니다 ᆫ답니다 는답니다 랍니다 ᆸ시다 읍시다"),
    (Register.FORMAL, Act.ASK, "ᆸ니까 습니까 읍니까"),
    (Register.FORMAL, Act.COMMAND, "ᆸ시오 읍시오 ᆸ시요 읍시요"),
    (Register.PLAIN, Act.STATE, "다 ᆫ다 는다 ᆷ 음"),
    (Register.CASUAL, Act.STATE, "자 야 오 소 으오"),
    (Register.CASUAL, Act.ASK, "니 으니 냐 으냐 느냐 는가"),
    (Register.CASUAL, Act.COMMAND, "어라 라 으라 거라 너라 렴 으렴 려무나"),
    (Register.CASUAL, Act.ADD, "어 거든 잖아 네 나 ᆫ가 은가 던가 ᆯ까 을까 ᆯ게 을게 ᆯ래 을래 ᆯ걸 을걸"),
    (Register.CASUAL, Act.ADD, "는걸 ᆫ걸 은걸 는데 ᆫ데 은데 던데 대 ᆫ대 는대 래 으래 다니 라니 다며 라며"),
    (Register.CASUAL, Act.ADD, "지 어야지 구나 는구나 로구나 더구나 군 는군 로군 더군 더라"),
    (Register.FRAGMENT, Act.ADD, "니까 으니까 어서 지만 면 으면 고 려고 으려고 느라고 도록 면서 으면서"),
    (Register.FRAGMENT, Act.ADD, "다고 ᆫ다고 는다고 라고 으라고 냐고 자고 거나 다가 더라도 어도 어야"),
)
RULES = {form: (register, act) for register, act, forms in _ENDINGS for form in forms.split()}

# Where text breaks off, these are as likely the beginning of another ending: 하니까, 하지만, 하라고, 하나요.
UNFINISHED = frozenset(
    (
        "니",
        "으니",
        "냐",
        "나",
        "라",
        "으라",
        "자",
        "오",
        "소",
        "지",
        "대",
        "래",
        "ᆫ가",
        "은가",
        "는데",
        "ᆫ데",
        "은데",
    )
)
# Single syllables that are words in themselves, where others (가, 서, 차) are as likely cut-off nouns.
WHOLE_SYLLABLES = frozenset("해돼봐줘")

CONTRACTED = {"지": "죠", "구나": "군요", "더라": "더라고요"}
INTERJECTIONS = {
    "응": "네",
    "아니": "아니요",
    "아니야": "아니에요",
    "아님": "아니에요",
    "그래": "그래요",
    "그렇지": "그렇죠",
}
HONORIFIC_STEMS = frozenset(("계시", "드시", "주무시", "잡수시"))
QUOTED = frozenset(("라고", "다고", "ᆫ다고", "는다고"))

# What Kiwi's join gets wrong: 그러요, 뵙어요, 갖아요, 머물어요, 서툴어요, 마요 (which commands), 아니어요.
IRREGULAR = {
    "그러": "그래요",
    "이러": "이래요",
    "저러": "저래요",
    "뵙": "봬요",
    "갖": "가져요",
    "딛": "디뎌요",
    "내딛": "내디뎌요",
    "머물": "머물러요",
    "서툴": "서툴러요",
    "말": "말아요",
    "아니": "아니에요",
}

# Bare nouns, roots and what else a noun phrase may end in; WANTING_NOUNS want 있다, 모르다 … behind them.
NOUN_TAGS = ("NN", "NP", "NR", "SH", "SL", "SN", "W_", "XR", "XSN")
WANTING_NOUNS = frozenset(("수", "줄", "리", "채", "척"))
# Terms of the game that Kiwi takes for 알 + 라 and 킥 + 이 + ᆫ.
MISTAKEN_NOUNS = frozenset(("알라", "킥인"))
# Nouns that are predicates only with 하다.
WITH_HADA = frozenset(
    (
        *("가능", "불가능", "필요", "불필요", "중요", "충분", "불충분", "부족", "동일", "유사", "비슷"),
        *("적합", "부적합", "적절", "안전", "위험", "간단", "편리", "유리", "불리", "다양", "유용", "당연"),
        *("감사", "축하", "환영", "추천", "권장"),
    )
)
ENGLISH_INTERJECTIONS = {"yes": "네", "no": "아니요"}
