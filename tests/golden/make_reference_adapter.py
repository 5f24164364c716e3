"""Write what the reference makes of tiny adapters: llama.cpp's converter, in digests, and peft's own scales.

    VENV/bin/python tests/golden/make_reference_adapter.py LLAMA_CPP

LLAMA_CPP is llama.cpp's tree, as the source distribution of llama-cpp-python 0.3.36 vendors it; VENV has
torch, transformers, safetensors and peft. Nothing of either is needed to run the tests. What is written is
tests/data/reference_adapter.json and tests/data/peft_scales.json.
"""

import json
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"


def scales(base: Path, adapter: Path) -> dict[str, float]:
    """The scale of each module's update, as peft has it once the adapter is loaded."""
    loaded = import_module("transformers").AutoModelForCausalLM.from_pretrained(base)
    adapted = import_module("peft").PeftModel.from_pretrained(loaded, adapter)
    return {
        name.removeprefix("base_model.model."): module.scaling["default"]
        for name, module in adapted.named_modules()
        if isinstance(getattr(module, "scaling", None), dict)
    }


def main(llama_cpp: Path) -> None:
    """Convert every case with the reference, and load the rest with peft."""
    sys.path.append(str(ROOT))
    # Before the other tree is at hand: it has a package `tests`, too.
    from tests.adapter_cases import CASES, SCALE_CASES, write_case, write_scale_case  # noqa: PLC0415
    from tests.golden.make_reference_gguf import described  # noqa: PLC0415

    sys.path.insert(0, str(llama_cpp / "gguf-py"))
    found: dict[str, Any] = {}
    of_peft: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, case in CASES.items():
            base, adapter = write_case(name, Path(scratch) / "folders")
            out = Path(scratch) / "adapter.gguf"
            command = [sys.executable, str(llama_cpp / "convert_lora_to_gguf.py"), str(adapter)]
            command += ["--base", str(base), "--outtype", case.output, "--outfile", str(out)]
            subprocess.run(command, check=True, cwd=llama_cpp)
            found[name] = described(out)
        for name in SCALE_CASES:
            of_peft[name] = scales(*write_scale_case(name, Path(scratch) / "scales" / name))
    write(DATA / "reference_adapter.json", found)
    write(DATA / "peft_scales.json", of_peft)


def write(path: Path, cases: dict[str, Any]) -> None:
    """Write JSON, a line a case."""
    lines = (f"{json.dumps(name)}: {json.dumps(case, ensure_ascii=False)}" for name, case in cases.items())
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
