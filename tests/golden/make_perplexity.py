"""Ask llama.cpp's own llama-perplexity about a tiny model: `python -m tests.golden.make_perplexity PROGRAM`.

The program is built from the llama.cpp tree that the llama-cpp-python source distribution vendors (cmake
target llama-perplexity). What it finds is written to tests/data/perplexity_golden.json.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from convert.verify.questions import QUESTIONS
from tests.tiny_level import Q4_0, Q8_0, write_level, write_unsure_model

DATA = Path(__file__).parent.parent / "data" / "perplexity_golden.json"
WINDOW = 256
_FIGURES = {
    "perplexity": r"Mean PPL\(Q\)\s*:\s*(\S+) ±\s*(\S+)",
    "reference_perplexity": r"Mean PPL\(base\)\s*:\s*(\S+) ±\s*(\S+)",
    "perplexity_ratio": r"Mean PPL\(Q\)/PPL\(base\)\s*:\s*(\S+) ±\s*(\S+)",
    "kl_divergence": r"Mean    KLD:\s*(\S+) ±\s*(\S+)",
    "kl_divergence_median": r"Median  KLD:\s*(\S+)()",
    "kl_divergence_p99": r"99.0%   KLD:\s*(\S+)()",
    "kl_divergence_max": r"Maximum KLD:\s*(\S+)()",
    "top_1_agreement": r"Same top p:\s*(\S+) ±\s*(\S+) %",
}


def main() -> None:
    """Write the data file."""
    program = sys.argv[1]
    text = "\n\n".join(QUESTIONS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "text").write_text(text, encoding="utf-8")
        reference = write_unsure_model(folder / "reference.gguf")
        base = folder / "base"
        common = [program, "-c", str(WINDOW), "-b", str(WINDOW), "-t", "2"]
        run = [*common, "-m", str(reference), "-f", str(folder / "text"), "--save-all-logits", str(base)]
        subprocess.run(run, check=True, capture_output=True)
        found = {}
        for level, ftype in {"q8_0": Q8_0, "q4_0": Q4_0}.items():
            model = write_level(folder / f"{level}.gguf", reference, ftype)
            run = [*common, "-m", str(model), "--kl-divergence", "--kl-divergence-base", str(base)]
            done = subprocess.run(run, check=True, capture_output=True, text=True)
            found[level] = _figures(done.stdout + done.stderr)
    data = {"text": text, "window": WINDOW, "levels": found}
    DATA.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _figures(output: str) -> dict[str, list[float]]:
    found = {}
    for name, pattern in _FIGURES.items():
        match = re.search(pattern, output)
        assert match is not None, output
        found[name] = [float(number) for number in match.groups() if number]
    return found


if __name__ == "__main__":
    main()
