"""What the service counts, for Prometheus: https://prometheus.io/docs/concepts/metric_types/."""

from prometheus_client import CollectorRegistry, Counter, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Telemetry:
    """The metrics of one service, in a registry of their own: two services in one process don't mix."""

    def __init__(self) -> None:
        """Everything starts at 0."""
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.prompt_count_disagreements = Counter(
            "futfut_prompt_count_disagreements",
            "Prompts that Ollama counted otherwise than we did, so that some may have been cut in silence.",
            registry=self.registry,
        )
        self.generation_failures = Counter(
            "futfut_generation_failures",
            "Answers that Ollama failed to give, by the kind of failure.",
            ["kind"],
            registry=self.registry,
        )
        self.fallback_answers = Counter(
            "futfut_fallback_answers",
            "Answers put together from the passages, because the model was away.",
            registry=self.registry,
        )
        self.unsupported_answers = Counter(
            "futfut_unsupported_answers",
            "Answers of a checked model that were cut or replaced, as the passages don't say what it said.",
            registry=self.registry,
        )
        self.model_swaps = Counter(
            "futfut_model_swaps",
            "Swaps of the live model asked for over HTTP, by their result.",
            ["result"],
            registry=self.registry,
        )

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
