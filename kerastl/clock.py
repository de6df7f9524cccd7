"""Keeps the seconds of each part of the work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

# What is no part of the work, but several parts of it together.
BEFORE = "before the first epoch"
TOTAL = "total"


@attrs.define
class Clock:
    """Seconds by part of the work, in the order of the work.

    Args:
        started: When the work began, as `time.perf_counter()` tells it.
        seconds: The parts so far.
        earlier: Seconds of work before that, by a run that was broken off.
        before_training: Seconds until the first epoch began, if it has.
    """

    started: float = attrs.field(factory=time.perf_counter)
    seconds: dict[str, float] = attrs.field(factory=dict)
    earlier: float = 0.0
    before_training: float | None = None

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the time of the block to a part; also where the block fails."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    def training_begins(self) -> None:
        """Note that the first epoch is about to begin; later calls change nothing."""
        if self.before_training is None:
            self.before_training = self._so_far()

    def report(self) -> dict[str, float]:
        """Return the parts, those of them `before the first epoch`, and the `total`.

        All to hundredths of a second.
        """
        totals = {TOTAL: self._so_far()}
        if self.before_training is not None:
            totals = {BEFORE: self.before_training, **totals}
        return {name: round(value, 2) for name, value in {**self.seconds, **totals}.items()}

    def _so_far(self) -> float:
        return self.earlier + time.perf_counter() - self.started
