"""Work that is divided among the cores: each does its part from beginning to end by itself.

TensorFlow divides each step among all cores, which then wait for each other at each of them.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import attrs
import tensorflow as tf

from kerastl.cores import cores

Made = TypeVar("Made")


@attrs.frozen(eq=False)
class Session:
    """A session of TensorFlow.

    Args:
        raw: The session itself.
        how: What holds for each of its runs.
    """

    raw: tf.compat.v1.Session
    how: tf.compat.v1.RunOptions = attrs.field(factory=tf.compat.v1.RunOptions)

    def compiled(
        self, inputs: Sequence[tf.Tensor], outputs: Sequence[tf.Tensor]
    ) -> Callable[..., Any]:
        """Return what computes outputs from inputs, as a list of arrays.

        Its first call compiles it; others that come meanwhile wait for that.
        """
        run = self.raw.make_callable([*outputs], [*inputs], accept_options=True)
        compiling, is_compiled = threading.Lock(), threading.Event()

        def computed(*values: Any) -> Any:
            if not is_compiled.is_set():
                with compiling:
                    if not is_compiled.is_set():
                        result = run(*values, options=self.how)
                        is_compiled.set()
                        return result
            return run(*values, options=self.how)

        return computed


def together(graph: tf.Graph, options: tf.compat.v1.ConfigProto) -> Session:
    """Return what computes a graph on all cores."""
    return Session(tf.compat.v1.Session(graph=graph, config=options))


def alone(graph: tf.Graph, options: tf.compat.v1.ConfigProto) -> Session:
    """Return what computes a graph in the thread that calls, which may be one of several.

    That holds where `kerastl.cores.use_processor` came before TensorFlow began; else other threads
    take part in it.
    """
    chosen = tf.compat.v1.ConfigProto()
    chosen.CopyFrom(options)
    chosen.use_per_session_threads = True
    chosen.intra_op_parallelism_threads = chosen.inter_op_parallelism_threads = 1
    here = tf.compat.v1.RunOptions(inter_op_thread_pool=-1)
    return Session(tf.compat.v1.Session(graph=graph, config=chosen), here)


def count() -> int:
    """Return how many threads compute at once, one on each core unless TensorFlow is told less."""
    told = tf.config.threading.get_intra_op_parallelism_threads() or _told_by_environment()
    return min(told or cores(), cores())


def _told_by_environment() -> int:
    told = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    return int(told) if told.isdecimal() else 0


def on_cores(make: Callable[..., Made], given: Iterable[tuple[Any, ...]]) -> Iterator[Made]:
    """Yield what is made of each, in their order.

    Args:
        make: What is called, in several threads.
        given: Its arguments; only a few are taken ahead.
    """
    waiting: deque[Future[Made]] = deque()
    threads = count()
    try:
        for arguments in given:
            waiting.append(_pool(threads).submit(make, *arguments))
            if len(waiting) > threads + 1:
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
