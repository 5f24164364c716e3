"""Ollama as an operator uses it: models registered, proved fit, made live and taken back."""

from modelfiles.ollama.client import Ollama
from modelfiles.ollama.live import PREVIOUS, Live, live
from modelfiles.ollama.register import Registered, Registry
from modelfiles.ollama.swap import Outcome, Swap
from modelfiles.ollama.wire import ALIAS

__all__ = ["ALIAS", "PREVIOUS", "Live", "Ollama", "Outcome", "Registered", "Registry", "Swap", "live"]
