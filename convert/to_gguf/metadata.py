"""What a GGUF file says of itself: the names and licence of its model, its sizes, its vocabulary.

Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. All that llama.cpp's own converter writes is
written, with the same values. On top come `general.source.url` and `general.source.repo_url` (the repository
and its revision), and `general.license` where the model card has none.
"""

import json
from pathlib import Path
from typing import Any

import gguf
import msgspec
import yaml

from convert.architectures import Architecture
from convert.checkpoint.hyperparameters import Hyperparameters
from convert.checkpoint.open import Checkpoint
from convert.to_gguf.vocabulary import Vocabulary
from convert.to_gguf.vocabulary.files import ChatTemplate
from convert.to_gguf.vocabulary.special import SpecialTokens
from convert.to_gguf.weights import OutputType

_HUB = "https://huggingface.co"
_FILE_TYPES: dict[OutputType, gguf.LlamaFileType] = {
    "f16": gguf.LlamaFileType.MOSTLY_F16,
    "bf16": gguf.LlamaFileType.MOSTLY_BF16,
    "f32": gguf.LlamaFileType.ALL_F32,
}


class Origin(msgspec.Struct, frozen=True):
    """Where a checkpoint comes from: a repository on the hub, the commit, and the licence, if it is known."""

    repository: str
    revision: str
    license: str | None


def add_general(writer: gguf.GGUFWriter, checkpoint: Checkpoint, origin: Origin | None) -> None:
    """Add what concerns people: name, licence, languages, recommended sampling.

    It is read from the model card, generation_config.json and the folder's name, by llama.cpp's own rules.

    Raises:
        ValueError: the model card or generation_config.json can't be read.
    """
    folder = checkpoint.folder
    weights = writer.get_total_parameter_count()[0]
    try:
        metadata = gguf.Metadata.load(model_path=folder, total_params=weights)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"the head of its README.md can't be read: {error}. Mend or remove it.") from error
    metadata.name = metadata.name or folder.name
    metadata.size_label = metadata.size_label or gguf.size_label(weights, weights, 0, 0)
    if metadata.sampling_penalty_repeat is None:
        # What transformers calls it, which the package doesn't know yet.
        metadata.sampling_penalty_repeat = _generation_config(folder).get("repetition_penalty")
    if origin is not None:
        metadata.license = metadata.license or origin.license
        metadata.source_repo_url = metadata.source_repo_url or f"{_HUB}/{origin.repository}"
        metadata.source_url = metadata.source_url or f"{_HUB}/{origin.repository}/tree/{origin.revision}"
    writer.add_type(gguf.GGUFType.MODEL)
    metadata.set_gguf_meta_model(writer)


def _generation_config(folder: Path) -> dict[str, Any]:
    path = folder / "generation_config.json"
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path.name} can't be read: {error}. Mend or remove it.") from error
    return found


def add_sizes(
    writer: gguf.GGUFWriter,
    architecture: Architecture,
    hyperparameters: Hyperparameters,
    output: OutputType,
) -> None:
    """Add what llama.cpp needs to know to compute with the weights."""
    sizes, rope = hyperparameters.sizes, hyperparameters.rope
    writer.add_block_count(sizes.layers)
    writer.add_context_length(hyperparameters.context)
    writer.add_embedding_length(sizes.hidden)
    writer.add_feed_forward_length(sizes.inner)
    writer.add_head_count(sizes.heads)
    writer.add_head_count_kv(sizes.kv_heads)
    writer.add_rope_freq_base(rope.base)
    writer.add_layer_norm_rms_eps(hyperparameters.norm_epsilon)
    if rope.linear is not None:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope.linear)
    if hyperparameters.says_head_dim or "attention.key_length" in architecture.further_keys:
        writer.add_key_length(sizes.head_dim)
        writer.add_value_length(sizes.head_dim)
    if "vocab_size" in architecture.further_keys:
        writer.add_vocab_size(sizes.vocabulary)
    if "rope.dimension_count" in architecture.further_keys:
        writer.add_rope_dimension_count(sizes.head_dim)
    writer.add_file_type(_FILE_TYPES[output])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def add_vocabulary(
    writer: gguf.GGUFWriter,
    architecture: Architecture,
    vocabulary: Vocabulary,
    special: SpecialTokens,
    chat_template: ChatTemplate | None,
) -> None:
    """Add how texts are cut into tokens, and how conversations are put into text."""
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    if vocabulary.scores is not None:
        writer.add_token_scores(vocabulary.scores)
    if vocabulary.merges is not None:
        writer.add_token_merges(vocabulary.merges)
    if vocabulary.space_prefix is not None and "add_space_prefix" in architecture.further_keys:
        writer.add_add_space_prefix(vocabulary.space_prefix)
    for role, number in special.ids.items():
        # GGUF has no key for some roles, such as the classifier's of an encoder.
        if (add_id := getattr(writer, f"add_{role}_token_id", None)) is not None:
            add_id(number)
    for role, added in special.added.items():
        if (add_flag := getattr(writer, f"add_add_{role}_token", None)) is not None:
            add_flag(added)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
