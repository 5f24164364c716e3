"""Write tests/data/reference_gguf.json: digests of what llama.cpp's own converter makes of tiny checkpoints.

    VENV/bin/python tests/golden/make_reference_gguf.py LLAMA_CPP

LLAMA_CPP is llama.cpp's tree, as the source distribution of llama-cpp-python 0.3.36 vendors it; VENV has
torch, transformers and sentencepiece. Nothing of either is needed to run the tests.

One function of the converter is replaced: `get_vocab_base_pre` tells a pre-tokenizer by the ids that one text
gets, and so knows published vocabularies only. Here the architecture says which of the two it is.
"""

import hashlib
import json
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OUT = ROOT / "tests" / "data" / "reference_gguf.json"
OUTPUTS = ("f16", "bf16", "f32")
LONGEST = 100  # what is longer is kept as a digest


def digest(content: bytes) -> str:
    """Half of a sha256: enough to tell that two things differ."""
    return hashlib.sha256(content).hexdigest()[:32]


def described(path: Path) -> dict[str, Any]:
    """A GGUF file's keys and tensors, what is long as digests."""
    import gguf  # noqa: PLC0415  whichever is at hand: the reference's own, or the tests'

    reader = gguf.GGUFReader(path)
    keys = {
        name: [[kind.name for kind in field.types], _short(field.contents())]
        for name, field in reader.fields.items()
        if not name.startswith("GGUF.")
    }
    tensors = {
        tensor.name: [
            tensor.tensor_type.name,
            [int(size) for size in tensor.shape],
            digest(tensor.data.tobytes()),
        ]
        for tensor in reader.tensors
    }
    return {"keys": keys, "tensors": tensors}


def _short(value: Any) -> Any:
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= LONGEST else digest(text.encode())


def main(llama_cpp: Path) -> None:
    """Convert every tiny checkpoint in every output type with the reference."""
    sys.path.append(str(ROOT))
    # Before the other tree is at hand: it has a package `tests`, too.
    from tests.tiny_checkpoint import CASES, write_tiny_checkpoint  # noqa: PLC0415

    sys.path[:0] = [str(llama_cpp / "gguf-py"), str(llama_cpp)]
    converter = import_module("convert_hf_to_gguf")

    def pre_tokenizer(model: Any, _tokenizer: Any) -> str:
        return "qwen2" if model.hf_arch == "Qwen2ForCausalLM" else "llama-bpe"

    import_module("conversion.base").TextModel.get_vocab_base_pre = pre_tokenizer
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, spec in CASES.items():
            folder = write_tiny_checkpoint(Path(scratch) / name, spec)
            found[name] = {}
            for output in OUTPUTS:
                out = Path(scratch) / f"{output}.gguf"
                sys.argv[1:] = [str(folder), "--outtype", output, "--outfile", str(out)]
                converter.main()
                found[name][output] = described(out)
    lines = (f"{json.dumps(name)}: {json.dumps(each, ensure_ascii=False)}" for name, each in found.items())
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
