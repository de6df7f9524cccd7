"""The drawn images as a stream, drawn ahead of their use by worker processes."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import attrs

from kerastl.data.procedural import CLASSES, draw_batch
from kerastl.pretraining import Images, Stream

_POOL = 2048
# Each drawn image is seen so many times, in another view each time (Choi et al., 2019: data
# echoing). A view costs a hundredth of a drawing.
_ROUNDS = 4
_HELD_OUT = 1024
_EPOCH = 20_480
# No stream comes so far: two thousand images a second for nine years.
_FAR = 2**39
_AT_ONCE = 32
_MOST_WORKERS = 16


@attrs.frozen
class Procedural:
    """Images that kerastl draws itself: fractals, figures, glyphs, packs, heaps, textures."""

    def stream(self, seed: int, image_size: int) -> Stream:
        """Return the stream of that seed; its images are of that height and width in pixels."""

        def pools(first: int) -> Iterator[Images]:
            number, passed = divmod(first, _ROUNDS)
            for pool in _drawn(number * _POOL, _POOL, seed, image_size):
                yield from itertools.repeat(pool, _ROUNDS - passed)
                passed = 0

        with contextlib.closing(_drawn(_FAR, _HELD_OUT, seed, image_size)) as far:
            held_out = next(far)
        return Stream(CLASSES, _POOL, _EPOCH, pools, held_out, seed)


def _drawn(first: int, number: int, seed: int, size: int) -> Generator[Images, None, None]:
    """Yield so many images at a time, from that place on, without end; the next are being drawn."""
    import numpy as np

    ahead = deque[Future[Any]]()
    with _workers() as workers:
        try:
            for start in itertools.count(first, number):
                places = range(start, start + number, _AT_ONCE)
                ahead.extend(workers.submit(draw_batch, at, _AT_ONCE, seed, size) for at in places)
                if start == first:
                    continue
                parts = [ahead.popleft().result() for _ in places]
                images, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
                yield images, labels.astype(np.int64)
        finally:
            workers.shutdown(cancel_futures=True)


def _workers() -> ProcessPoolExecutor:
    """Start processes that import no TensorFlow; forked ones would share its threads and locks."""
    workers = min(os.cpu_count() or 1, _MOST_WORKERS)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_follow)


def _follow() -> None:
    """Let a worker end with the process it works for, also where that is killed."""
    # Ctrl-C reaches all of them at once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def end_with(parent: Any) -> None:
        parent.join()
        os._exit(1)

    parent = multiprocessing.parent_process()
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
