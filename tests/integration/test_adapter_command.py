"""`futfut-convert adapter`, and an adapter merged by `futfut-convert gguf`."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gguf import GGUFReader

from convert.cli import cli
from convert.errors import AdapterError, ForeignFileError
from tests.adapter_cases import write_case


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_made_once(tmp_path: Path) -> None:
    """The file is made where it is asked for; asked again, it is left alone until the adapter changes."""
    base, adapter = write_case("zephyr-f16-lora", tmp_path)
    out = tmp_path / "new" / "futsal.gguf"
    command = ("adapter", adapter, "--base", base, "--out", out)
    assert "futsal.gguf: made" in run(*command).output
    assert GGUFReader(out).fields["general.type"].contents() == "adapter"
    first = out.stat().st_mtime_ns
    assert "already there, and fresh" in run(*command).output
    assert out.stat().st_mtime_ns == first
    assert "made" in run(*command, "--type", "f16").output
    config = adapter / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 8', '"lora_alpha": 16'))
    assert "made" in run(*command).output
    assert GGUFReader(out).fields["adapter.lora.alpha"].contents() == 16
    assert sorted(path.name for path in out.parent.iterdir() if path.is_file()) == ["futsal.gguf"]


def test_refused(tmp_path: Path) -> None:
    """What can't be converted leaves the file that was there as it was."""
    base, adapter = write_case("zephyr-f16-lora", tmp_path)
    other, _ = write_case("llama-wide-heads", tmp_path)
    out = tmp_path / "futsal.gguf"
    run("adapter", adapter, "--base", base, "--out", out)
    before = out.read_bytes()
    result = run("adapter", adapter, "--base", other, "--out", out)
    assert isinstance(result.exception, AdapterError)
    assert out.read_bytes() == before
    run("adapter", adapter, "--base", other, "--out", tmp_path / "elsewhere" / "futsal.gguf")
    assert not (tmp_path / "elsewhere").exists()


def test_what_was_not_made_here_stays(tmp_path: Path) -> None:
    """Whatever --out names, a file that is there already is replaced only if this command made it."""
    base, adapter = write_case("qwen2-lora", tmp_path)
    out = tmp_path / "futsal.gguf"
    out.write_bytes(b"the operator's own")
    result = run("adapter", adapter, "--base", base, "--out", out)
    assert isinstance(result.exception, ForeignFileError)
    assert out.read_bytes() == b"the operator's own"


def test_killed_before(tmp_path: Path) -> None:
    """What a killed run left half-made is no hindrance."""
    base, adapter = write_case("qwen2-lora", tmp_path)
    half = tmp_path / ".fetching" / "futsal.gguf" / "futsal.gguf"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"GGUF half")
    out = tmp_path / "futsal.gguf"
    assert "made" in run("adapter", adapter, "--base", base, "--out", out).output
    assert GGUFReader(out).tensors
    assert not half.parent.exists()


@pytest.mark.parametrize("missing", ["--base", "--out"])
def test_usage(missing: str, tmp_path: Path) -> None:
    """Both the base and the file to make must be named."""
    options = {"--base": str(tmp_path), "--out": str(tmp_path / "a.gguf")}
    del options[missing]
    result = run("adapter", tmp_path, *(part for option in options.items() for part in option))
    assert result.exit_code == 2
    assert missing in result.output


def test_merged_into_its_base(tmp_path: Path) -> None:
    """With an adapter, the converted checkpoint is another file than without, and made again for each."""
    base, adapter = write_case("qwen2-lora", tmp_path)
    command = ("gguf", "mini", "--from", base, "--home", tmp_path)
    run(*command)
    alone = (tmp_path / "models" / "mini-f16.gguf").read_bytes()
    assert "made" in run(*command, "--adapter", adapter).output
    merged = (tmp_path / "models" / "mini-f16.gguf").read_bytes()
    assert len(merged) == len(alone)
    assert merged != alone
