"""Keeps the seconds of each part of the work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import attrs


@attrs.define
class Clock:
    """Seconds by part of the work, in the order of the work.

    Args:
        started: When the work began, as `time.perf_counter()` tells it.
        seconds: The parts so far.
        earlier: Seconds of work before that, by a run that was broken off.
    """

    started: float = attrs.field(factory=time.perf_counter)
    seconds: dict[str, float] = attrs.field(factory=dict)
    earlier: float = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the time of the block to a part; also where the block fails."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    def report(self) -> dict[str, float]:
        """Return the parts and the `total` since the start, to hundredths of a second."""
        total = self.earlier + time.perf_counter() - self.started
        return {name: round(value, 2) for name, value in {**self.seconds, "total": total}.items()}
