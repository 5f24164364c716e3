"""A language model small enough to run in milliseconds: it says a fixed script, or has random weights."""

from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

END = "<|im_end|>"
WORDS = ["▁", "풋", "살", "은", "▁재", "밌", "어", "요", ".", "▁다", "섯", "명", "이", "▁", "해", "끝"]
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}{{ '<|im_start|>assistant\n' }}"
)
# The same for Ollama, which goes by its Modelfile: `write_modelfile(path, model, *MODELFILE_LINES)`.
_TURNS = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}"
CHATML = f"{_TURNS}<|im_start|>assistant\n"
MODELFILE_LINES = [
    f'TEMPLATE """{CHATML}"""',
    f"PARAMETER stop {END}",
    "PARAMETER num_ctx 512",
]
LINE_END = "<0x0A>"  # what TEMPLATE ends in, so that every answer follows it
LAYERS, WIDTH, HEADS, INNER, CONTEXT = 2, 320, 2, 32, 4096

Tensor = NDArray[np.float32]


def write_tiny_model(path: Path, script: Sequence[str] | None = None, *, template: str = TEMPLATE) -> Path:
    """Write a Llama of two layers with a SentencePiece vocabulary of bytes, a few words and chat markup.

    Args:
        path: the file to write.
        script: the pieces (words of this vocabulary, or bytes like `<0xEC>`) that the model says, whatever it
            is asked; no piece twice. After the last it says the first again, unless that is `END`. Without a
            script the weights are random, and what is said depends on every token of the prompt.
        template: the chat template; none if empty.
    """
    pieces = ["<unk>", "<s>", "</s>", "<|im_start|>", END, *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces += [*dict.fromkeys(WORDS), *(piece for piece in script or () if piece not in {*pieces, *WORDS})]
    control, byte, normal = gguf.TokenType.CONTROL, gguf.TokenType.BYTE, gguf.TokenType.NORMAL
    types = [gguf.TokenType.UNKNOWN, *[control] * 4, *[byte] * 256]
    types += [normal] * (len(pieces) - len(types))
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores([float(-position) for position in range(len(pieces))])
    writer.add_token_types(types)
    writer.add_bos_token_id(pieces.index("<s>"))
    writer.add_eos_token_id(pieces.index(END))
    writer.add_add_bos_token(False)
    if template:
        writer.add_chat_template(template)
    for name, tensor in (_speaking(pieces, script) if script else _random(len(pieces))).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_tiny_adapter(path: Path) -> Path:
    """Write a LoRA adapter of rank 2 that turns the tiny model's first feed-forward block around."""
    random = np.random.default_rng(21)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 2.0)
    writer.add_tensor("blk.0.ffn_down.weight.lora_a", random.normal(size=(2, INNER)).astype(np.float32))
    writer.add_tensor("blk.0.ffn_down.weight.lora_b", random.normal(size=(WIDTH, 2)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _speaking(pieces: Sequence[str], script: Sequence[str]) -> dict[str, Tensor]:
    """Every layer adds nothing, an embedding is one-hot, and the output maps each piece to the next."""
    after = {LINE_END: script[0], **dict(zip(script, [*script[1:], script[0]], strict=True))}
    embedding: Tensor = np.eye(len(pieces), WIDTH, dtype=np.float32)
    output: Tensor = np.zeros((len(pieces), WIDTH), dtype=np.float32)
    for piece, following in after.items():
        output[pieces.index(following), pieces.index(piece)] = 1
    zeros = {name: np.zeros_like(tensor) for name, tensor in _layers(np.random.default_rng(0)).items()}
    return {"token_embd.weight": embedding, **zeros, "output.weight": output, "output_norm.weight": _ones()}


def _random(vocabulary: int) -> dict[str, Tensor]:
    random = np.random.default_rng(20)
    embedding = random.normal(size=(vocabulary, WIDTH)).astype(np.float32)
    output = random.normal(size=(vocabulary, WIDTH)).astype(np.float32)
    output[:5] = 0  # no markup, so that it never ends by itself
    return {
        "token_embd.weight": embedding,
        **_layers(random),
        "output.weight": output,
        "output_norm.weight": _ones(),
    }


def _layers(random: np.random.Generator) -> dict[str, Tensor]:
    shapes = {
        **{f"attn_{part}": (WIDTH, WIDTH) for part in ("q", "k", "v", "output")},
        **{f"ffn_{part}": (INNER, WIDTH) for part in ("gate", "up")},
        "ffn_down": (WIDTH, INNER),
    }
    layers: dict[str, Tensor] = {}
    for layer in range(LAYERS):
        for part, shape in shapes.items():
            layers[f"blk.{layer}.{part}.weight"] = random.normal(scale=0.1, size=shape).astype(np.float32)
        for norm in ("attn_norm", "ffn_norm"):
            layers[f"blk.{layer}.{norm}.weight"] = _ones()
    return layers


def _ones() -> Tensor:
    return np.ones(WIDTH, dtype=np.float32)


def write_modelfile(path: Path, model: Path, *lines: str) -> Path:
    """Write a Modelfile that runs `model` with greedy sampling and what `lines` add."""
    path.write_text(
        "\n".join([f"FROM ./{model.name}", "PARAMETER temperature 0", *lines, ""]), encoding="utf-8"
    )
    return path
