"""What verification found of a model file."""

from pathlib import Path

from modelfiles.verdict import Verdict, read_verdict, write_verdict


def test_a_verdict_speaks_of_the_bytes(tmp_path: Path) -> None:
    """It is found for the file that was verified, and for no other that later has its name."""
    model = tmp_path / "small-q2_k.gguf"
    assert read_verdict(model, "a" * 64) is None
    verdict = Verdict("a" * 64, passed=False, reasons=("it diverges by 0.4",))
    write_verdict(model, verdict)
    assert read_verdict(model, "a" * 64) == verdict
    assert read_verdict(model, "b" * 64) is None


def test_a_broken_record_is_none(tmp_path: Path) -> None:
    """What can't be read says nothing of the file."""
    model = tmp_path / "small-q2_k.gguf"
    write_verdict(model, Verdict("a" * 64, passed=False))
    (tmp_path / ".verdicts" / "small-q2_k.gguf.json").write_text("{", encoding="utf-8")
    assert read_verdict(model, "a" * 64) is None
