"""Verification that goes on where it was: figures outlive the run, and depend on no more than they must."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from convert.cli.verify import command
from convert.verify.figures import Figures
from convert.verify.questions import QUESTIONS
from convert.verify.verify import verify
from convert.verify.windows import Sample
from modelfiles.grammar import Modelfile
from tests.recording_progress import RecordingProgress
from tests.tiny_level import Q4_0, Q8_0, write_level
from tests.tiny_model import CHATML, END, write_tiny_model
from tests.verify_reports import THRESHOLDS

TEXT = "\n\n".join(QUESTIONS)
MODELFILE = Modelfile(
    base="./a.gguf", template=CHATML, system="짧게 답해.", parameters=(("stop", END), ("num_ctx", "1024"))
)
RUN = "from convert.cli import main; main()"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and two levels of it."""
    folder = tmp_path_factory.mktemp("levels")
    reference = write_tiny_model(folder / "tiny-f32.gguf", ["풋", "살", "은", "▁재", "밌", "어", "요", END])
    write_level(folder / "tiny-q8_0.gguf", reference, Q8_0)
    write_level(folder / "tiny-q4_0.gguf", reference, Q4_0)
    return folder


def measured(folder: Path, home: Path, modelfiles: Mapping[str, Modelfile], text: str = TEXT) -> list[str]:
    """Verify the levels that have a Modelfile, and say what was measured for it: files, by kind of figure."""
    progress = RecordingProgress()
    verify(
        folder / "tiny-f32.gguf",
        {level: folder / f"tiny-{level}.gguf" for level in modelfiles},
        modelfiles,
        text,
        THRESHOLDS,
        figures=Figures(home),
        progress=progress,
        sample=Sample(tokens=200, window=256),
        threads=1,
    )
    said = "\n".join(progress.lines)
    levels = ("f32", "q8_0", "q4_0")
    compared = [f"{level} compared" for level in levels if f"tiny-{level}.gguf, about" in said]
    return compared + [f"{level} tried" for level in levels if f"tiny-{level}.gguf: speed" in said]


def test_a_run_that_is_killed_loses_only_what_it_was_at(folder: Path, tmp_path: Path) -> None:
    """In the last level's trial: the same command then tries that level, and is done."""
    (tmp_path / "text.txt").write_text(TEXT)
    levels = [str(folder / f"tiny-{level}.gguf") for level in ("q8_0", "q4_0")]
    arguments = [*levels, "--against", str(folder / "tiny-f32.gguf"), "--home", str(tmp_path)]
    arguments += ["--text", str(tmp_path / "text.txt"), "--tokens", "300", "--threads", "1"]
    with subprocess.Popen(
        [sys.executable, "-c", RUN, "verify", *arguments], stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if "tiny-q4_0.gguf: speed" in line:
                run.kill()
    assert not list((tmp_path / "reports").glob("*.json"))
    again = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert again.exit_code == 0
    assert "window" not in again.output
    assert [line for line in again.output.splitlines() if ": speed" in line] == [
        "  tiny-q4_0.gguf: speed, and 8 questions"
    ]


def test_a_run_of_fewer_levels_keeps_what_is_known_of_the_others(folder: Path, tmp_path: Path) -> None:
    """Then all of them again need nothing."""
    run = partial(measured, folder, tmp_path)
    every = {"q8_0": MODELFILE, "q4_0": MODELFILE}
    assert len(run(every)) == 6
    assert run({"q4_0": MODELFILE}) == []
    assert run(every) == []


def test_figures_depend_on_no_more_than_they_must(folder: Path, tmp_path: Path) -> None:
    """FROM and LICENSE are nothing, a prompt is asked anew but not compared, a text is both."""
    run = partial(measured, folder, tmp_path)
    run({"q8_0": MODELFILE})
    assert run({"q8_0": replace(MODELFILE, base="../elsewhere/b.gguf", licenses=("MIT",))}) == []
    assert run({"q8_0": replace(MODELFILE, system="길게 답해.")}) == ["f32 tried", "q8_0 tried"]
    assert run({"q8_0": MODELFILE}) == []
    longer = run({"q8_0": MODELFILE}, "풋살은 재밌어요. " * 100 + TEXT)
    assert longer == ["f32 compared", "q8_0 compared", "f32 tried", "q8_0 tried"]


def test_figures_of_an_unknown_form_are_measured_anew(folder: Path, tmp_path: Path) -> None:
    """Nothing is built on what isn't understood."""
    measured(folder, tmp_path, {"q8_0": MODELFILE})
    for path in (tmp_path / ".figures").iterdir():
        path.write_text("{}")
    assert len(measured(folder, tmp_path, {"q8_0": MODELFILE})) == 4
