"""Numbers about a server for those who watch over it, in the form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)

from music_emotion import __version__

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds of the histograms' buckets."""


class Metrics:
    """What is counted of a server; each has a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        Info("music_emotion", "The server.", registry=registry).info({"version": __version__})
        self._requests = Counter(
            "music_emotion_requests",
            "Answered requests.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "music_emotion_request_seconds",
            "From a request's headers to the end of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self._refusals = Counter(
            "music_emotion_refusals", "Answers that are errors.", ("code",), registry=registry
        )
        self._predictions = Counter(
            "music_emotion_predictions", "Files analysed.", ("model",), registry=registry
        )
        self._analysis_seconds = Histogram(
            "music_emotion_analysis_seconds",
            "Of a file in a worker.",
            ("model",),
            buckets=SECONDS,
            registry=registry,
        )
        self._failures = Counter(
            "music_emotion_failures",
            "Files whose analysis came to nothing.",
            ("code",),
            registry=registry,
        )
        ProcessCollector(registry=registry)

    def answered(self, method: str, route: str, status: int, seconds: float, code: str) -> None:
        """Count a request; ``code`` is its error's, ``""`` where it was none."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)
        if code:
            self._refusals.labels(code).inc()

    def predicted(self, model: str, seconds: float) -> None:
        """Count a file that was analysed."""
        self._predictions.labels(model).inc()
        self._analysis_seconds.labels(model).observe(seconds)

    def failed(self, code: str) -> None:
        """Count a file that was not."""
        self._failures.labels(code).inc()

    def follow(
        self,
        *,
        files: Callable[[], float],
        queue: Callable[[], float],
        busy: Callable[[], float],
        idle: Callable[[], float],
    ) -> None:
        """Tell, whenever somebody looks, how many files and processes there are."""
        gauge = partial(Gauge, registry=self._registry)
        about = "Files in the server, arriving ones included."
        gauge("music_emotion_files", about).set_function(files)
        gauge("music_emotion_queue", "Files that wait for a worker.").set_function(queue)
        workers = gauge("music_emotion_workers", "Processes that analyse.", ("state",))
        workers.labels("busy").set_function(busy)
        workers.labels("idle").set_function(idle)

    def text(self) -> bytes:
        """Return all of it."""
        return generate_latest(self._registry)
