"""The project's own Modelfiles, one a model and level, from the catalogue and the system prompt."""

from pathlib import Path

from modelfiles.catalog import Catalog
from modelfiles.grammar import Modelfile, render

FOLDER = Path(__file__).parent
# Where `futfut-convert fetch` puts model files by default, as Ollama resolves it: relative to the Modelfile.
MODELS_FROM_HERE = "../.futfut/models"


def system_prompt() -> str:
    """풋풋이's system prompt, without a line end at its end: the only copy is system.txt."""
    return (FOLDER / "system.txt").read_text(encoding="utf-8").strip()


def modelfile_for(catalog: Catalog, name: str) -> Modelfile:
    """What the Modelfile of a model at a level says (`big-q5_k_m`; `big` is `big` at its default level).

    Raises:
        CatalogError: the catalogue has no such model or level.
    """
    level = catalog.resolve(name)
    return modelfile_of(catalog, level.model, f"{MODELS_FROM_HERE}/{level.file.file}")


def modelfile_of(catalog: Catalog, model: str, base: str, adapters: tuple[str, ...] = ()) -> Modelfile:
    """What a Modelfile says that speaks to any file as to a model of the catalogue: a fine-tune of it, say.

    Args:
        catalog: has the model.
        model: whose template, stops, parameters and licence are taken.
        base: the model file's path, as seen from the Modelfile.
        adapters: those of LoRA adapters, likewise.

    Raises:
        CatalogError: the catalogue has no such model.
    """
    spec = catalog.model(model)
    template = catalog.templates[spec.template]
    parameters = {"num_ctx": spec.context_tokens, **spec.parameters}
    return Modelfile(
        base=base,
        adapters=adapters,
        template=template.text,
        system=system_prompt(),
        parameters=(
            *((name, str(value)) for name, value in parameters.items()),
            *(("stop", stop) for stop in template.stop),
        ),
        licenses=(f"{spec.title}: {spec.license}",),
    )


def rendered(catalog: Catalog) -> dict[str, str]:
    """Every Modelfile of the catalogue: file name (`mini-q4_k_m.Modelfile`) to its text."""
    return {f"{name}.Modelfile": render(modelfile_for(catalog, name)) for name in catalog.levels()}
