"""Thin HTTP over the chat and the retriever: shapes, streaming and problems, no decisions of its own."""

from server.api.admin import admin
from server.api.chat import chat, query
from server.api.documentation import openapi_config
from server.api.health import live, ready
from server.api.metrics import metrics
from server.api.problems import EXCEPTION_HANDLERS
from server.api.search import search

ROUTES = (chat, query, search, live, ready, metrics, admin)

__all__ = ["EXCEPTION_HANDLERS", "ROUTES", "openapi_config"]
