"""What a GGUF file says of itself: the names and licence of its model, its sizes, its vocabulary.

Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. All that llama.cpp's own converter writes is
written, with the same values. On top come `general.source.url` and `general.source.repo_url` (the repository
and its revision), and `general.license` where the model card has none.
"""

import gguf
import msgspec

from convert.architectures import Architecture
from convert.checkpoint.card import read_card
from convert.checkpoint.hyperparameters import Hyperparameters
from convert.checkpoint.open import Checkpoint
from convert.checkpoint.tokenizer import Tokenizer
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

    Raises:
        ValueError: the model card or generation_config.json can't be read.
    """
    weights = writer.get_total_parameter_count()[0]
    metadata = read_card(checkpoint.folder, weights)
    metadata.name = metadata.name or checkpoint.folder.name
    metadata.size_label = metadata.size_label or gguf.size_label(weights, weights, 0, 0)
    if origin is not None:
        metadata.license = metadata.license or origin.license
        metadata.source_repo_url = metadata.source_repo_url or f"{_HUB}/{origin.repository}"
        metadata.source_url = metadata.source_url or f"{_HUB}/{origin.repository}/tree/{origin.revision}"
    writer.add_type(gguf.GGUFType.MODEL)
    metadata.set_gguf_meta_model(writer)


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


def add_tokenizer(writer: gguf.GGUFWriter, architecture: Architecture, tokenizer: Tokenizer) -> None:
    """Add how texts are cut into tokens, and how conversations are put into text."""
    vocabulary, special = tokenizer.vocabulary, tokenizer.special
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
    if tokenizer.chat_template is not None:
        writer.add_chat_template(tokenizer.chat_template)
