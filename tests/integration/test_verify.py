"""Levels of tiny models verified for real: llama.cpp in processes of their own."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from convert.cli.verify import command
from convert.errors import (
    ContextTooShortError,
    LevelMissingError,
    MeasureError,
    NoNumbersError,
    NothingToVerifyError,
    TextTooShortError,
    VocabularyMismatchError,
)
from convert.verify.divergence import Divergence
from convert.verify.figures import Figures
from convert.verify.job import Compared, CompareJob
from convert.verify.measure import measure_divergence, trial_of, try_out, wrong_answers
from convert.verify.process import run_job
from convert.verify.questions import QUESTIONS
from convert.verify.report import Report
from convert.verify.verify import verify
from convert.verify.windows import Sample
from modelfiles.errors import ModelFileError
from modelfiles.grammar import Modelfile
from modelfiles.progress import Unseen
from tests.recording_progress import RecordingProgress
from tests.tiny_level import Q4_0, Q8_0, write_level, write_unsure_model
from tests.tiny_model import CHATML, END, write_tiny_model
from tests.verify_reports import THRESHOLDS

TEXT = "\n\n".join(QUESTIONS)
SAMPLE = Sample(tokens=200, window=256)
SCRIPT = ["풋", "살", "은", "▁재", "밌", "어", "요", END]
MODELFILE = Modelfile(
    base="", template=CHATML, system="짧게 답해.", parameters=(("stop", END), ("num_ctx", "1024"))
)


@pytest.fixture(scope="module")
def unsure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random model and two levels of it."""
    folder = tmp_path_factory.mktemp("unsure")
    reference = write_unsure_model(folder / "tiny-f32.gguf")
    write_level(folder / "tiny-q8_0.gguf", reference, Q8_0)
    write_level(folder / "tiny-q4_0.gguf", reference, Q4_0)
    return folder


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that answers in Korean, and ends."""
    return write_tiny_model(tmp_path_factory.mktemp("speaking") / "f32.gguf", SCRIPT)


def compared(reference: Path, level: Path, text: str = TEXT, sample: Sample = SAMPLE) -> Divergence:
    return measure_divergence(CompareJob(reference, {"level": level}, text, sample, 1), Unseen())[level]


def test_figures_are_those_of_llama_cpp(unsure: Path) -> None:
    """Of its own llama-perplexity, on the same text; that keeps the reference in 16 bits only."""
    golden = json.loads((Path(__file__).parent.parent / "data" / "perplexity_golden.json").read_text())
    levels = {level: unsure / f"tiny-{level}.gguf" for level in golden["levels"]}
    job = CompareJob(
        unsure / "tiny-f32.gguf", levels, golden["text"], Sample(tokens=10**6, window=golden["window"]), 2
    )
    *_, last = run_job(job)
    assert isinstance(last, Compared)
    for level, expected in golden["levels"].items():
        found = last.levels[level]
        figures = {
            "perplexity": [found.perplexity.value, found.perplexity.error],
            "reference_perplexity": [last.reference.perplexity.value, last.reference.perplexity.error],
            "perplexity_ratio": [found.perplexity_ratio.value, found.perplexity_ratio.error],
            "kl_divergence": [found.kl_divergence.mean, found.kl_divergence.error],
            "kl_divergence_median": [found.kl_divergence.median],
            "kl_divergence_p99": [found.kl_divergence.p99],
            "kl_divergence_max": [found.kl_divergence.max],
            "top_1_agreement": [100 * found.top_1_agreement.value, 100 * found.top_1_agreement.error],
        }
        for name, value in expected.items():
            assert figures[name] == pytest.approx(value, rel=0.02), (level, name)


def test_a_level_against_itself_loses_nothing(unsure: Path, tmp_path: Path) -> None:
    """Exactly nothing, though it is another file and ran at another time."""
    copy = tmp_path / "copy.gguf"
    copy.write_bytes((unsure / "tiny-q4_0.gguf").read_bytes())
    found = compared(unsure / "tiny-q4_0.gguf", copy)
    assert (found.kl_divergence.max, found.top_1_agreement.value, found.perplexity_ratio.value) == (0, 1, 1)


def tried(model: Path, modelfile: Modelfile = MODELFILE) -> tuple[str, ...] | None:
    """What is wrong with a model's answers."""
    job = trial_of(model, modelfile, TEXT, 1)
    found = try_out(job, Unseen())
    return None if found is None else wrong_answers(found, job, modelfile)


def test_a_model_that_answers_passes(speaking: Path, tmp_path: Path) -> None:
    """All figures are there; what was measured isn't measured again, but judged anew."""
    level = tmp_path / "q8_0.gguf"
    write_level(level, speaking, Q8_0)

    def verified(told: RecordingProgress, kl_divergence: float = 1000) -> Report:
        thresholds = type(THRESHOLDS)(kl_divergence, 1000, 0, 0)
        asked = {"q8_0": MODELFILE}
        run = partial(verify, speaking, {"q8_0": level}, asked, TEXT, thresholds, sample=SAMPLE)
        return run(progress=told, figures=Figures(tmp_path))

    first = verified(told := RecordingProgress())
    assert [row.level for row in first.rows] == ["f32", "q8_0"]
    assert all(row.passed and row.persona_faults == () for row in first.rows)
    assert all(row.speed and row.speed.generation_tokens_per_second > 0 for row in first.rows)
    assert all(row.speed and row.speed.peak_memory_bytes > row.file_bytes for row in first.rows)
    assert any("window 2 of 2: q8_0.gguf, about 0 s left" in line for line in told.lines)
    assert verified(told := RecordingProgress()) == first
    assert told.lines == []
    again = verified(told := RecordingProgress(), kl_divergence=0)
    assert told.lines == []
    assert [row.passed for row in again.rows] == [True, first.rows[1].divergence.kl_divergence.mean == 0]
    level.write_bytes(write_level(tmp_path / "other.gguf", speaking, Q4_0).read_bytes())
    verified(told := RecordingProgress())
    assert any("q8_0.gguf: speed" in line for line in told.lines)
    assert not any("f32.gguf: speed" in line for line in told.lines)


@pytest.mark.parametrize(
    ("script", "template", "fault"),
    [
        (None, None, "doesn't end by itself within 300 tokens"),
        ([END], None, "the answer is empty"),
        (["o", "k", END], None, "isn't Korean"),
        (["풋", "살", "<|im_start|>", "은", END], None, "shows markup (<|im_start|>)"),
        (SCRIPT, "", "carries no chat template"),
        (SCRIPT, "{{ raise_exception('no system role') }}", "no system role"),
    ],
)
def test_what_is_wrong_with_answers(
    tmp_path: Path, script: list[str] | None, template: str | None, fault: str
) -> None:
    """Each of the questions is told with its fault, as the gate tells it."""
    extra = {} if template is None else {"template": template}
    model = write_tiny_model(tmp_path / "model.gguf", script, **extra)
    found = tried(model)
    assert found is not None
    assert len(found) == len(QUESTIONS)
    assert all(fault in each for each in found)
    assert found[0].startswith("'킥인은 몇 초 안에 차야 해?': ")


def test_a_prompt_larger_than_the_context_is_a_fault(speaking: Path) -> None:
    """Not an error that ends the whole verification."""
    found = tried(speaking, Modelfile(base="", system="짧게 답해.", parameters=(("num_ctx", "256"),)))
    assert found
    assert "fills the context of 256" in found[0]


def test_a_model_too_large_for_memory_is_not_run(speaking: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answers would take hours; that it wasn't run is told."""
    monkeypatch.setattr("convert.verify.measure.memory_bytes", lambda: speaking.stat().st_size)
    assert try_out(trial_of(speaking, MODELFILE, TEXT, 1), told := RecordingProgress()) is None
    assert "too large for this machine's memory" in told.lines[0]


def test_what_cannot_be_compared_is_refused_before_anything_runs(unsure: Path, tmp_path: Path) -> None:
    """Other vocabularies, no file, no GGUF file, a context shorter than a window: each by name."""
    reference = unsure / "tiny-f32.gguf"
    longer = write_tiny_model(tmp_path / "longer.gguf", ["새", END])
    other = write_tiny_model(tmp_path / "other.gguf", ["옛", END])
    (tmp_path / "text.gguf").write_text("풋살")

    def refused(level: Path, reference: Path = reference, sample: Sample = SAMPLE) -> None:
        verify(
            reference,
            {"x": level},
            {"x": MODELFILE},
            TEXT,
            THRESHOLDS,
            figures=Figures(tmp_path),
            progress=Unseen(),
            sample=sample,
        )

    with pytest.raises(VocabularyMismatchError, match=r"longer\.gguf .* it knows 277 tokens, .* 276"):
        refused(longer)
    with pytest.raises(VocabularyMismatchError, match="'옛', and the reference's '새'"):
        refused(other, longer)
    with pytest.raises(LevelMissingError, match=r"no .*none\.gguf"):
        refused(tmp_path / "none.gguf")
    with pytest.raises(ModelFileError, match=r"text\.gguf"):
        refused(tmp_path / "text.gguf")
    with pytest.raises(ContextTooShortError, match=r"4096 tokens at a time, .* windows of 8192"):
        refused(unsure / "tiny-q8_0.gguf", sample=Sample(window=8192))
    with pytest.raises(TextTooShortError):
        compared(reference, unsure / "tiny-q8_0.gguf", "풋살")


def test_a_file_that_is_cut_off_is_told_in_llama_cpps_words(unsure: Path, tmp_path: Path) -> None:
    """And before the reference has been through the text."""
    cut = tmp_path / "cut.gguf"
    cut.write_bytes((unsure / "tiny-q4_0.gguf").read_bytes()[:-5000])
    with pytest.raises(MeasureError, match=r"cut\.gguf .*not within the file bounds"):
        compared(unsure / "tiny-f32.gguf", cut)
    with pytest.raises(MeasureError, match=r"cut\.gguf"):
        tried(cut)


@pytest.mark.parametrize("factor", [np.nan, 1e37, 1e6])
def test_a_model_that_computes_no_numbers_is_told(unsure: Path, tmp_path: Path, factor: float) -> None:
    """As a level and as the reference: NaN, infinity, and a perplexity beyond any number."""
    broken = write_unsure_model(tmp_path / "broken.gguf", factor)
    for reference, level in [(unsure / "tiny-f32.gguf", broken), (broken, unsure / "tiny-f32.gguf")]:
        with pytest.raises(NoNumbersError, match=r"broken\.gguf.* --type bf16 or f32"):
            compared(reference, level)


def test_the_command(unsure: Path, tmp_path: Path) -> None:
    """Files of one's own: table, report, pictures and verdicts; the second time at once."""
    (tmp_path / "text.txt").write_text(TEXT)
    levels = [str(unsure / f"tiny-{level}.gguf") for level in ("q8_0", "q4_0")]
    arguments = [*levels, "--against", str(unsure / "tiny-f32.gguf"), "--home", str(tmp_path)]
    arguments += ["--text", str(tmp_path / "text.txt"), "--tokens", "300", "--threads", "1"]
    first = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert first.exit_code == 0
    assert "window 2 of 2" in first.output
    assert "tiny-q8_0 failed: it gives 8 wrong answers" in first.output
    assert {path.suffix for path in (tmp_path / "reports").glob("tiny*")} == {".json", ".png", ".svg"}
    assert (unsure / ".verdicts" / "tiny-q4_0.gguf.json").is_file()
    second = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "window" not in second.output
    assert second.output in first.output


def test_the_command_for_a_model_of_the_catalogue(speaking: Path, tmp_path: Path) -> None:
    """All its levels that are there are found, and no other model's; one alone can't be verified."""
    models = tmp_path / "models"
    models.mkdir()
    (models / "mini-f16.gguf").symlink_to(speaking)
    with pytest.raises(NothingToVerifyError, match=r"mini.*only mini-f16\.gguf is"):
        CliRunner().invoke(command, ["mini", "--home", str(tmp_path)], catch_exceptions=False)
    write_level(models / "mini-q3_k_m.gguf", speaking, Q8_0)
    write_level(models / "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", speaking, Q4_0)
    (models / "mini-v2-f16.gguf").write_bytes(b"another fine-tune's file")
    arguments = ["mini", "--home", str(tmp_path), "--tokens", "1", "--threads", "1"]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "Against f16" in done.output
    report = json.loads((tmp_path / "reports" / "mini.json").read_text())
    assert [row["level"] for row in report["rows"]] == ["f16", "q3_k_m", "q4_k_m"]
    with pytest.raises(NothingToVerifyError, match=r"small can't be verified: no small-\*\.gguf"):
        CliRunner().invoke(command, ["small", "--home", str(tmp_path)], catch_exceptions=False)
