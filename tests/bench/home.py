"""A home of the benchmarks' own, which uses the real model files and leaves the real index alone."""

from pathlib import Path

from modelfiles.encoder import ENCODER_MODEL
from modelfiles.grammar import Modelfile, decode, parse
from server.resources import modelfile_path
from server.settings import Settings
from tests.bench.errors import ModelFileMissingError
from tests.bench.processes import futfut, run
from tests.bench.synthetic import CORPUS


def modelfile(settings: Settings) -> Modelfile:
    """The Modelfile that the settings name."""
    return parse(decode(modelfile_path(settings).read_bytes()))


def model_file(settings: Settings) -> Path:
    """The language model's GGUF file."""
    return settings.models_dir / Path(modelfile(settings).base).name


def encoder_folder(settings: Settings) -> Path:
    """The encoder's folder."""
    return settings.models_dir / settings.encoder


def check_models(settings: Settings, *, model: bool = True) -> None:
    """See to it that the encoder is there, and the language model if it is needed.

    Raises:
        ModelFileMissingError: one of them isn't.
    """
    for path in (encoder_folder(settings) / ENCODER_MODEL, *([model_file(settings)] if model else [])):
        if not path.is_file():
            raise ModelFileMissingError(path)


def with_home(settings: Settings, home: Path, *, corpus: Path) -> Settings:
    """The same settings for another home, whose models are those of this one, and another corpus."""
    home.mkdir(parents=True, exist_ok=True)
    models = home / "models"
    if not models.exists():
        models.symlink_to(settings.models_dir.resolve(), target_is_directory=True)
    return settings.model_copy(update={"home": home, "corpus": corpus})


def with_corpus_indexed(settings: Settings) -> Settings:
    """Settings for a home in which corpus/ is indexed; it is kept, so that only the first run takes its time.

    Raises:
        ProgramFailedError: it can't be indexed.
    """
    ours = with_home(settings, settings.home / "bench", corpus=CORPUS)
    run(futfut("index"), ours)
    return ours
