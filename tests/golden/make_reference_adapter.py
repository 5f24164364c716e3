"""Write tests/data/reference_adapter.json: digests of what llama.cpp's own converter makes of tiny adapters.

    VENV/bin/python tests/golden/make_reference_adapter.py LLAMA_CPP

LLAMA_CPP is llama.cpp's tree, as the source distribution of llama-cpp-python 0.3.36 vendors it; VENV has
torch, transformers and safetensors. Nothing of either is needed to run the tests.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
OUT = ROOT / "tests" / "data" / "reference_adapter.json"


def main(llama_cpp: Path) -> None:
    """Convert every case with the reference."""
    sys.path.append(str(ROOT))
    # Before the other tree is at hand: it has a package `tests`, too.
    from tests.adapter_cases import CASES, write_case  # noqa: PLC0415
    from tests.golden.make_reference_gguf import described  # noqa: PLC0415

    sys.path.insert(0, str(llama_cpp / "gguf-py"))
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, case in CASES.items():
            base, adapter = write_case(name, Path(scratch) / "folders")
            out = Path(scratch) / "adapter.gguf"
            command = [sys.executable, str(llama_cpp / "convert_lora_to_gguf.py"), str(adapter)]
            command += ["--base", str(base), "--outtype", case.output, "--outfile", str(out)]
            subprocess.run(command, check=True, cwd=llama_cpp)
            lines.append(f"{json.dumps(name)}: {json.dumps(described(out), ensure_ascii=False)}")
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
