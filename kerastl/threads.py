"""Work that is divided among the cores: each does its part from beginning to end by itself.

TensorFlow divides each step among all cores, which then wait for each other at each of them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import Any, TypeVar

import tensorflow as tf

from kerastl.cores import cores

Made = TypeVar("Made")
# From the inputs and the outputs of a graph to what computes these from those, as arrays.
Session = Callable[[Sequence[tf.Tensor], Sequence[tf.Tensor]], Callable[..., Any]]


def together(graph: tf.Graph, options: tf.compat.v1.ConfigProto) -> Session:
    """Return what computes a graph on all cores."""
    session = tf.compat.v1.Session(graph=graph, config=options)
    return lambda inputs, outputs: session.make_callable([*outputs], [*inputs])


def alone(graph: tf.Graph, options: tf.compat.v1.ConfigProto) -> Session:
    """Return what computes a graph in the thread that calls, which may be one of several."""
    options.use_per_session_threads = True
    options.intra_op_parallelism_threads = options.inter_op_parallelism_threads = 1
    session = tf.compat.v1.Session(graph=graph, config=options)
    here = tf.compat.v1.RunOptions(inter_op_thread_pool=-1)

    def compiled(inputs: Sequence[tf.Tensor], outputs: Sequence[tf.Tensor]) -> Callable[..., Any]:
        run = session.make_callable([*outputs], [*inputs], accept_options=True)
        return partial(run, options=here)

    return compiled


def count() -> int:
    """Return how many threads compute at once, one on each core unless TensorFlow is told less."""
    return tf.config.threading.get_intra_op_parallelism_threads() or cores()


def on_cores(make: Callable[..., Made], given: Iterable[tuple[Any, ...]]) -> Iterator[Made]:
    """Yield what is made of each, in their order.

    Args:
        make: What is called, in several threads.
        given: Its arguments; only a few are taken ahead.
    """
    waiting: deque[Future[Made]] = deque()
    try:
        for arguments in given:
            waiting.append(_pool(count()).submit(make, *arguments))
            if len(waiting) > 2 * count():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for each in waiting:
            each.cancel()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "core")


def once(make: Callable[..., Made]) -> Callable[..., Made]:
    """Return what keeps what it made; of several threads that ask for it the first one makes it."""
    made, making = cache(make), threading.Lock()

    def kept(*arguments: Any) -> Made:
        with making:
            return made(*arguments)

    return kept
