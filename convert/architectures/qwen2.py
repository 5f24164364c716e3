"""Qwen2 and Qwen2.5: a Llama with biases in its attention, whose rows GGUF has in the checkpoint's order."""

from convert.architectures.llama import LLAMA
from convert.architectures.table import Architecture, Weight

QWEN2 = Architecture(
    name="Qwen2ForCausalLM",
    gguf="qwen2",
    embedding=LLAMA.embedding,
    layer=(
        Weight("input_layernorm.weight", "attn_norm.weight", ("hidden",)),
        Weight("self_attn.q_proj.weight", "attn_q.weight", ("query", "hidden")),
        Weight("self_attn.q_proj.bias", "attn_q.bias", ("query",)),
        Weight("self_attn.k_proj.weight", "attn_k.weight", ("key", "hidden")),
        Weight("self_attn.k_proj.bias", "attn_k.bias", ("key",)),
        Weight("self_attn.v_proj.weight", "attn_v.weight", ("key", "hidden")),
        Weight("self_attn.v_proj.bias", "attn_v.bias", ("key",)),
        Weight("self_attn.o_proj.weight", "attn_output.weight", ("hidden", "query")),
        Weight("post_attention_layernorm.weight", "ffn_norm.weight", ("hidden",)),
        Weight("mlp.gate_proj.weight", "ffn_gate.weight", ("inner", "hidden")),
        Weight("mlp.up_proj.weight", "ffn_up.weight", ("inner", "hidden")),
        Weight("mlp.down_proj.weight", "ffn_down.weight", ("hidden", "inner")),
    ),
    norm=LLAMA.norm,
    output=LLAMA.output,
)
