"""From a prompt to a stream of text: by a model in this process, or without one."""

import os

# llama.cpp's threads wait for each other many times a token. By default they spin: where anything else wants
# a core (a search, another service) that makes generation five to fifteen times slower. OpenMP reads this when
# its library is loaded, so it stands before the imports below; an operator's own choice is left alone.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from server.generate.extractive import ExtractiveGenerator
from server.generate.llama_cpp import LlamaCppGenerator

__all__ = ["ExtractiveGenerator", "LlamaCppGenerator"]
