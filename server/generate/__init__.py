"""From a prompt to a stream of text: by a model in this process, by one in Ollama, or without one."""

import os

# Threads of llama.cpp wait for each other many times a token, and libgomp lets them spin for long first.
# Where anything else wants a core (a search, another service) that halves the speed at the least; with a
# short spin it is kept, and a machine with nothing else to do loses next to nothing. libgomp reads this when
# it is loaded, hence before the imports; an operator's own choice is left alone.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from server.generate.checked import Checked
from server.generate.extractive import ExtractiveGenerator
from server.generate.fallback import WithFallback
from server.generate.live_models import LiveModels
from server.generate.llama_cpp import LlamaCppGenerator
from server.generate.ollama import OllamaGenerator, Timeouts

__all__ = [
    "Checked",
    "ExtractiveGenerator",
    "LiveModels",
    "LlamaCppGenerator",
    "OllamaGenerator",
    "Timeouts",
    "WithFallback",
]
