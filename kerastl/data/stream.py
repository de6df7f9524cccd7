"""Streams of labelled images, seen another way each time: what a source model learns from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import count, repeat
from typing import Any

import numpy as np
import tensorflow as tf

from kerastl.data.augmentation.light import DRAWS, views
from kerastl.data.checks import read_all
from kerastl.data.pipeline import read_ahead
from kerastl.data.splits import load_splits
from kerastl.errors import DataError
from kerastl.labelled import DataSource
from kerastl.pretraining import Images, Stream, StreamSource


def stream_of(source: StreamSource | DataSource, seed: int, image_size: int) -> Stream:
    """Return a source's stream; photos are read, those for validation and test held out.

    Raises:
        DataError: There are no such photos, or nothing can be learned from them.
    """
    if hasattr(source, "stream"):
        stream: Stream = source.stream(seed, image_size)
        return stream
    splits = load_splits(source, seed, None)
    if splits.multi_label:
        raise DataError(f"{source} has several labels a photo; a source model learns one.")
    train, *others = read_all(splits, source, image_size).values()
    held_out = (
        np.concatenate([some.images for some in others]),
        np.concatenate([some.labels for some in others]),
    )
    named = [(some.names, some.labels.tolist()) for some in (train, *others)]
    return Stream(
        classes=splits.classes,
        pool_size=len(train),
        epoch_rounds=1,
        pools=lambda _: nullcontext(repeat((np.asarray(train.images), train.labels))),
        held_out=held_out,
        fingerprint=hashlib.sha256(repr(named).encode()).hexdigest(),
        seed=seed,
    )


@contextmanager
def stream_batches(
    stream: Stream, image_size: int, batch_size: int, first: int = 0
) -> Iterator[tf.data.Dataset]:
    """Open the batches of a stream from the one of that number on, without end.

    Args:
        stream: Where the images come from; they may be larger than what is to be seen of them.
        image_size: Height and width in pixels of what is seen.
        batch_size: The most images a batch; those of a round are about equal.
        first: Number of the first batch, from 0.

    Yields:
        Images, float32 `[batch, size, size, 3]` of 0..255, and one-hot labels `[batch, classes]`,
        to be gone through once.
    """
    per_round = stream.batches_a_round(batch_size)
    start, done = divmod(first, per_round)

    def chosen(pools: Iterator[Images], done: int) -> Iterator[Any]:
        for number, (images, labels) in zip(count(start), pools, strict=False):
            order = np.random.default_rng((stream.seed, number)).permutation(len(labels))
            # A last batch of a single image would be the end of batch normalisation.
            batches = np.array_split(order, per_round)
            for batch, some in enumerate(batches[done:], number * per_round + done):
                yield images[some], labels[some], batch
            done = 0

    def seen(images: tf.Tensor, labels: tf.Tensor, number: tf.Tensor) -> tuple[Any, Any]:
        key = tf.stack([tf.constant(stream.seed, tf.int64), number])
        draws = tf.random.stateless_uniform((DRAWS, tf.shape(images)[0]), key)
        return views(images, draws, image_size), tf.one_hot(labels, len(stream.classes))

    signature = (
        tf.TensorSpec((None, None, None, 3), tf.uint8),
        tf.TensorSpec((None,), tf.int64),
        tf.TensorSpec((), tf.int64),
    )
    with stream.pools(start) as pools:
        batches = chosen(pools, done)
        rows = tf.data.Dataset.from_generator(lambda: batches, output_signature=signature)
        yield read_ahead(rows.map(seen, num_parallel_calls=tf.data.AUTOTUNE))
