"""Rows in memory or on disk -> shuffled batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.cache import Rows

_AHEAD = 4


def batches(arrays: Sequence[Rows], batch_size: int, seed: int, epochs: range) -> tf.data.Dataset:
    """Return shuffled batches of the arrays' rows, epoch after epoch.

    Args:
        arrays: Arrays of the same length, say photos and labels; they may be on disk.
        batch_size: Rows a batch; the last batch of an epoch may have fewer.
        seed: Decides the order.
        epochs: The numbers of the epochs.
    """

    def rows() -> Iterator[Any]:
        for epoch in epochs:
            for some in shuffled(len(arrays[0]), batch_size, seed, epoch):
                yield tuple(array[some] for array in arrays)

    signature = tuple(
        tf.TensorSpec((None, *array.shape[1:]), tf.as_dtype(array.dtype)) for array in arrays
    )
    return read_ahead(tf.data.Dataset.from_generator(rows, output_signature=signature))


def read_ahead(data: tf.data.Dataset) -> tf.data.Dataset:
    """Return the data, made ready before they are asked for.

    How far ahead and by how many threads is not tuned on the way: where the thread that tunes
    misses the end, which happens, the end waits for it, for up to a minute.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return data.prefetch(_AHEAD).with_options(options)


def shuffled(count: int, batch_size: int, seed: int, epoch: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the numbers of the rows of each batch of an epoch.

    Their order is a pure function of the seed and the epoch's number, so that training that goes on
    later sees what it would have seen.
    """
    order = np.random.default_rng([seed, epoch]).permutation(count)
    for start in range(0, count, batch_size):
        yield order[start : start + batch_size]


def balanced(
    labels: npt.NDArray[np.int64], batch_size: int, seed: int, epoch: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the same of an epoch that sees the photos of each class equally often.

    There are as many as photos. Of a large class some are left out, of a small one each is seen
    several times.

    Args:
        labels: The class of each photo, `[photos]`.
        batch_size: Photos a batch.
        seed: Decides, with the epoch's number, which they are and their order.
        epoch: The number of the epoch.
    """
    random = np.random.default_rng([seed, epoch, 1])
    classes = np.unique(labels)
    # What cannot be divided goes to some classes, others in each epoch.
    counts = len(labels) // len(classes) + (
        random.permutation(len(classes)) < len(labels) % len(classes)
    )
    chosen = [
        _drawn(np.flatnonzero(labels == label), count, random)
        for label, count in zip(classes, counts.tolist(), strict=True)
    ]
    order = random.permutation(np.concatenate(chosen))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def _drawn(
    photos: npt.NDArray[np.int64], count: int, random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw so many of the photos, each as often as another or once more."""
    rounds = [random.permutation(photos) for _ in range(-(-count // len(photos)))]
    return np.concatenate(rounds)[:count]
