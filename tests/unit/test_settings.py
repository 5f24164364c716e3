"""The operator's choices: read from variables, refused in words, and written up."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from server import settings as settings_module
from server.cli.console import settings_with
from server.cli.index import command as index_command
from server.errors import EncoderDamagedError, SettingsError
from server.settings import Settings

README = Path(__file__).parents[2] / "README.md"


def test_options_come_before_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable replaces a default, an option on the command line replaces both."""
    monkeypatch.setenv("FUTFUT_PORT", "9001")
    monkeypatch.setenv("FUTFUT_HOST", "0.0.0.0")  # noqa: S104 - never listened on
    settings = settings_with(port=9002, host=None)
    assert (settings.port, settings.host) == (9002, "0.0.0.0")  # noqa: S104


def test_a_variable_that_cant_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable and what is wrong with it."""
    monkeypatch.setenv("FUTFUT_PORT", "many")
    with pytest.raises(SettingsError, match="FUTFUT_PORT: Input should be a valid integer"):
        settings_with()


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As compose files pass unset variables on."""
    monkeypatch.setenv("FUTFUT_QDRANT_URL", "")
    assert settings_with().qdrant_url is None


def test_a_secret_file_is_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's secrets are read, whatever the case of their names; the environment comes first."""
    monkeypatch.setattr(settings_module, "SECRETS", tmp_path)
    (tmp_path / "futfut_admin_key").write_text("from-file\n", encoding="utf-8")
    (tmp_path / "other_program_key").write_text("not ours", encoding="utf-8")
    monkeypatch.setenv("FUTFUT_ADMIN_KEY", "")
    assert settings_with().admin_key == SecretStr("from-file")
    monkeypatch.setenv("FUTFUT_ADMIN_KEY", "from-variable")
    assert settings_with().admin_key == SecretStr("from-variable")


@pytest.mark.parametrize("blank", ["", " \n"])
def test_an_empty_secret_file_is_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    """A key that nobody has set stays closed to all, rather than open to who sends none."""
    monkeypatch.setattr(settings_module, "SECRETS", tmp_path)
    (tmp_path / "futfut_admin_key").write_text(blank, encoding="utf-8")
    assert settings_with().admin_key is None
    monkeypatch.setenv("FUTFUT_ADMIN_KEY", blank)
    assert settings_with().admin_key is None


@pytest.mark.parametrize("url", ["localhost:11434", "http://", "http://[ollama", "http://ollama:port"])
def test_an_address_that_isnt_one_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """At the start, and by the name of its variable."""
    monkeypatch.setenv("FUTFUT_OLLAMA_URL", url)
    with pytest.raises(SettingsError, match="FUTFUT_OLLAMA_URL: "):
        settings_with()


def test_index_without_encoder_says_how_to_build_it(tmp_path: Path) -> None:
    """The error names the commands for the very home that was given."""
    result = CliRunner().invoke(index_command, ["--home", str(tmp_path)])
    assert f"futfut-convert embedder --home {tmp_path}" in str(result.exception)


def test_index_with_a_damaged_encoder_is_refused_in_words(tmp_path: Path) -> None:
    """A manifest that breaks off is a damaged encoder, not a traceback."""
    manifest = tmp_path / "models" / Settings().encoder / "encoder.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{", encoding="utf-8")
    result = CliRunner().invoke(index_command, ["--home", str(tmp_path)])
    assert isinstance(result.exception, EncoderDamagedError)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_readme_lists_every_setting(name: str) -> None:
    """With its variable, its default and what it is."""
    field = Settings.model_fields[name]
    default = "" if field.default is None else f"`{field.default}`"
    assert f"| `FUTFUT_{name.upper()}` | {default} | {field.description} |" in README.read_text(
        encoding="utf-8"
    )
