"""From a prompt to a stream of text: by a model in this process, or without one."""

from server.generate.extractive import ExtractiveGenerator
from server.generate.llama_cpp import LlamaCppGenerator

__all__ = ["ExtractiveGenerator", "LlamaCppGenerator"]
