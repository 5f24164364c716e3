"""Mistral 7B and its fine-tunes, Zephyr among them: a Llama in all but name.

Its sliding window isn't carried over, since GGUF's "llama" has none: up to the window's width (4096 tokens)
both attend to everything.
"""

from msgspec.structs import replace

from convert.architectures.llama import LLAMA

MISTRAL = replace(LLAMA, name="MistralForCausalLM")
