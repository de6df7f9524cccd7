"""What a server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_PHOTOS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@attrs.frozen(eq=False)
class Metrics:
    """Counts of one server, apart from those of any other in the same process."""

    registry: CollectorRegistry = attrs.field(factory=CollectorRegistry)
    requests: Counter = attrs.field(init=False)
    seconds: Histogram = attrs.field(init=False)
    photos: Counter = attrs.field(init=False)
    batches: Histogram = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        # Its memory, processor time and open files, where the system tells them.
        ProcessCollector(registry=self.registry)

    @requests.default
    def _requests(self) -> Counter:
        what = "Requests that were answered."
        return Counter("kerastl_requests", what, ["route", "status"], registry=self.registry)

    @seconds.default
    def _seconds(self) -> Histogram:
        return Histogram(
            "kerastl_request_seconds",
            "From the headers of a request to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )

    @photos.default
    def _photos(self) -> Counter:
        what = "Photos that were answered, and files that are none."
        return Counter("kerastl_photos", what, ["readable"], registry=self.registry)

    @batches.default
    def _batches(self) -> Histogram:
        return Histogram(
            "kerastl_batch_photos",
            "Photos in one call of the model.",
            ["output"],
            buckets=_PHOTOS,
            registry=self.registry,
        )

    def watch(self, name: str, what: str, count: Callable[[], float]) -> None:
        """Tell a number as it is whenever it is asked for."""
        Gauge(name, what, registry=self.registry).set_function(count)

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self.registry)
