"""`futfut-convert adapter`: a LoRA adapter as one file that llama.cpp and Ollama lay over a model."""

from pathlib import Path

import click
from rich.console import Console

from convert.cli.console import examples
from convert.cli.converting import FOLDER, type_option
from convert.progress import progress_on
from convert.to_gguf.make_adapter import make_adapter
from convert.to_gguf.weights import OutputType


@click.command(
    "adapter",
    epilog=examples(
        "FOLDER is what peft's save_pretrained() leaves: adapter_config.json, adapter_model.safetensors.",
        "There are two ways to use an adapter:",
        "  merged     futfut-convert gguf small --from BASE --adapter FOLDER",
        "             One file, the fastest to serve: the way to go if the model has one adapter.",
        "  laid over  futfut-convert adapter FOLDER --base BASE --out FILE",
        "             A small file; several of them share the base's. Each costs some speed.",
        "Example:",
        "  futfut-convert adapter ~/tuned/futsal-lora --base ~/models/zephyr --out ~/futsal-lora.gguf",
        "Then, in a Modelfile of your own:",
        "  FROM ./small-q4_k_m.gguf",
        "  ADAPTER ./futsal-lora.gguf",
    ),
)
@click.argument("folder", type=FOLDER)
@click.option(
    "--base", type=FOLDER, required=True, metavar="FOLDER", help="The checkpoint that it was trained on."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The file to make.",
)
@type_option("f32")
def command(folder: Path, base: Path, out: Path, output: OutputType) -> None:
    """Convert a LoRA adapter (peft) to GGUF, for a Modelfile's ADAPTER.

    It must be a plain LoRA of linear layers (rsLoRA and ranks by layer included), on weights that the base
    has, in the same shapes; anything else is refused with what to do. A file that is there and fresh is left
    alone.
    """
    make_adapter(folder, base, out, output=output, progress=progress_on(Console()))
