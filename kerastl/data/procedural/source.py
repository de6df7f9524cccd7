"""The drawn images as a stream, drawn ahead of their use by worker processes."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

import attrs

from kerastl.console import say
from kerastl.cores import cores
from kerastl.data.procedural import CLASSES, draw_batch
from kerastl.errors import DataError
from kerastl.live import progress
from kerastl.pretraining import Images, Stream

_POOL = 2048
# Each drawn image is seen so many times, in another view each time (Choi et al., 2019: data
# echoing). A view costs a hundredth of a drawing.
_ROUNDS = 4
_EPOCH_ROUNDS = 10
_HELD_OUT = 1024
# No stream comes so far: two thousand images a second for nine years.
_FAR = 2**39
_AT_ONCE = 32
# Larger ones would hold no more, and a pool of them would not fit into memory.
_LARGEST = 320
_MOST_WORKERS = 16


@attrs.frozen
class Procedural:
    """Images that kerastl draws itself: fractals, figures, glyphs, packs, heaps, textures."""

    def stream(self, seed: int, image_size: int) -> Stream:
        """Return the stream of that seed; its images are of that height and width in pixels.

        Raises:
            DataError: The processes that draw cannot be started or were killed.
        """
        size = min(image_size, _LARGEST)

        @contextmanager
        def pools(first: int) -> Iterator[Iterator[Images]]:
            number, passed = divmod(first, _ROUNDS)
            with _workers() as workers:
                drawn = _drawn(workers, number * _POOL, seed, size)
                # The first pool is waited for here: nothing can stop TensorFlow where it waits.
                rounds = itertools.repeat(next(drawn), _ROUNDS - passed)
                later = (pool for pool in drawn for _ in range(_ROUNDS))
                yield itertools.chain(rounds, later)

        say(f"Drawing images of {size} x {size} in {min(cores(), _MOST_WORKERS)} processes")
        with _workers() as workers, progress("drawing images to measure on", _HELD_OUT) as done:
            held_out = _images_of(_begun(workers, _FAR, _HELD_OUT, seed, size), done)
        return Stream(
            classes=CLASSES,
            pool_size=_POOL,
            epoch_rounds=_EPOCH_ROUNDS,
            pools=pools,
            held_out=held_out,
            fingerprint="procedural",
            seed=seed,
        )


def _drawn(workers: ProcessPoolExecutor, first: int, seed: int, size: int) -> Iterator[Images]:
    """Yield pools from that place on, without end; the next one is being drawn."""
    jobs = _begun(workers, first, _POOL, seed, size)
    with progress("drawing images", _POOL) as done:
        pool = _images_of(jobs, done)
    for start in itertools.count(first + _POOL, _POOL):
        jobs = _begun(workers, start, _POOL, seed, size)
        yield pool
        pool = _images_of(jobs)


def _begun(
    workers: ProcessPoolExecutor, first: int, number: int, seed: int, size: int
) -> list[Future[Images]]:
    """Let the workers draw so many images from that place on."""
    return [
        workers.submit(draw_batch, start, min(_AT_ONCE, first + number - start), seed, size)
        for start in range(first, first + number, _AT_ONCE)
    ]


def _images_of(jobs: list[Future[Images]], done: Callable[[int], None] | None = None) -> Images:
    """Wait for the workers, and return what they have drawn."""
    import numpy as np

    parts = []
    for job in jobs:
        try:
            parts.append(job.result())
        except BrokenProcessPool as error:
            raise DataError(
                "The processes that draw images ended: there is too little memory for them, or the "
                'script that started them has no `if __name__ == "__main__":` around its work.'
            ) from error
        if done:
            done(len(parts[-1][1]))
    images, labels = zip(*parts, strict=True)
    return np.concatenate(images), np.concatenate(labels)


@contextmanager
def _workers() -> Iterator[ProcessPoolExecutor]:
    """Start processes of their own; forked ones would share TensorFlow's threads and locks."""
    number = min(cores(), _MOST_WORKERS)
    context = multiprocessing.get_context("spawn")
    workers = ProcessPoolExecutor(number, mp_context=context, initializer=_follow)
    try:
        yield workers
    finally:
        # What is still waiting to be drawn would keep the program from its end for a minute.
        workers.shutdown(cancel_futures=True)


def _follow() -> None:
    """Let a worker end with the process it works for, also where that is killed."""
    # Ctrl-C reaches all of them at once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def end_with(parent: Any) -> None:
        parent.join()
        os._exit(1)

    parent = multiprocessing.parent_process()
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
