"""Llama 1 to 3, and all that calls itself a LlamaForCausalLM."""

from convert.architectures.table import Architecture, Weight

LLAMA = Architecture(
    name="LlamaForCausalLM",
    gguf="llama",
    embedding=Weight("model.embed_tokens.weight", "token_embd.weight", ("vocabulary", "hidden")),
    layer=(
        Weight("input_layernorm.weight", "attn_norm.weight", ("hidden",)),
        Weight("self_attn.q_proj.weight", "attn_q.weight", ("query", "hidden"), permuted="heads"),
        Weight("self_attn.k_proj.weight", "attn_k.weight", ("key", "hidden"), permuted="kv_heads"),
        Weight("self_attn.v_proj.weight", "attn_v.weight", ("key", "hidden")),
        Weight("self_attn.o_proj.weight", "attn_output.weight", ("hidden", "query")),
        Weight("post_attention_layernorm.weight", "ffn_norm.weight", ("hidden",)),
        Weight("mlp.gate_proj.weight", "ffn_gate.weight", ("inner", "hidden")),
        Weight("mlp.up_proj.weight", "ffn_up.weight", ("inner", "hidden")),
        Weight("mlp.down_proj.weight", "ffn_down.weight", ("hidden", "inner")),
    ),
    norm=Weight("model.norm.weight", "output_norm.weight", ("hidden",)),
    output=Weight("lm_head.weight", "output.weight", ("vocabulary", "hidden")),
    further_keys=frozenset(
        {"vocab_size", "rope.dimension_count", "attention.key_length", "add_space_prefix"}
    ),
)
