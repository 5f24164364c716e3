"""`futfut-convert gguf`: a fine-tuned checkpoint as one file that llama.cpp and Ollama read."""

from pathlib import Path

import click
from rich.console import Console

from convert.cli.console import examples, home_option
from convert.cli.converting import FOLDER, type_option
from convert.progress import progress_on
from convert.to_gguf.make import make_gguf
from convert.to_gguf.weights import OutputType


@click.command(
    "gguf",
    epilog=examples(
        "FOLDER is what save_pretrained() or a download from the hub leaves: config.json, the tokenizer's",
        "files and *.safetensors, of a Llama, Mistral (Zephyr) or Qwen2 model.",
        "Which type to take:",
        "  f16   for nearly all models: what every level is then quantized from",
        "  bf16  if f16 is refused, as some weights are too large for it",
        "  f32   twice as large, and better only if the checkpoint is float32",
        "Examples:",
        "  futfut-convert gguf small --from ~/tuned/zephyr-futsal",
        "  futfut-convert gguf big --from ~/models/Llama-3-8B --adapter ~/tuned/futsal-lora",
        "Then: futfut-convert quantize small",
    ),
)
@click.argument("model")
@click.option("--from", "folder", type=FOLDER, required=True, metavar="FOLDER", help="The checkpoint.")
@click.option(
    "--adapter", type=FOLDER, metavar="FOLDER", help="A LoRA adapter (peft) to merge into it on the way."
)
@type_option("f16")
@home_option
def command(model: str, folder: Path, adapter: Path | None, output: OutputType, home: Path) -> None:
    """Convert a checkpoint to HOME/models/MODEL-f16.gguf (or -bf16, -f32).

    It is checked as a whole before anything is written: what is missing, too much or of the wrong shape is
    listed. Memory stays small, whatever the model's size. A file that is there and fresh is left alone.
    """
    if Path(model).name != model:
        raise click.BadParameter("a name, not a path", param_hint="MODEL")
    models_dir = home / "models"
    models_dir.mkdir(parents=True, exist_ok=True)
    make_gguf(
        model,
        folder.resolve(),  # its name becomes the model's, if no card has one
        models_dir,
        adapter=adapter,
        output=output,
        progress=progress_on(Console()),
    )
