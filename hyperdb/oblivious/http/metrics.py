"""What the service tells of itself, for Prometheus: sums alone.

Invariant: no label and no number depends on what was asked, only on which endpoint, and on sizes that the manifest fixes.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "hyperdb_oblivious_requests", "Requests by endpoint and status.", ("endpoint", "status"), registry=self._registry
        )
        self.sent = Counter(
            "hyperdb_oblivious_sent_bytes", "Bytes of answers, by endpoint.", ("endpoint",), registry=self._registry
        )
        self.batch = Histogram(
            "hyperdb_oblivious_batch_queries", "Private queries answered in one pass.", buckets=_BATCHES, registry=self._registry
        )
        self.scanning = Counter("hyperdb_oblivious_scan_seconds", "Time that passes took.", registry=self._registry)
        self.unpaid = Counter("hyperdb_oblivious_unpaid", "Requests refused for want of a ticket.", registry=self._registry)

    def gauge(self, name: str, what: str, value: Callable[[], float]) -> None:
        """A number that is asked for when metrics are read."""
        Gauge(f"hyperdb_oblivious_{name}", what, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """All of it, in Prometheus's text format."""
        return generate_latest(self._registry)
