"""Features -> the batches that `fit` is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastl.cache import Numbers
from kerastl.data.pipeline import shuffled
from kerastl.training.features import Features

Order = Callable[[], Iterator[tuple[int, Numbers]]]


def training_batches(
    features: Features, tail: keras.Model, batch_size: int, seed: int, epochs: range
) -> tf.data.Dataset:
    """Return shuffled batches of inputs and one-hot labels, epoch after epoch.

    Args:
        features: What is learned from.
        tail: What learns: from the features to logits.
        batch_size: Photos a batch; the last batch of an epoch may have fewer.
        seed: Decides the order.
        epochs: The numbers of the epochs.
    """

    def order() -> Iterator[tuple[int, Numbers]]:
        for epoch in epochs:
            for some in shuffled(len(features), batch_size, seed, epoch):
                yield epoch, some

    return _batches(features, tail, order)


def validation_batches(features: Features, tail: keras.Model, batch_size: int) -> tf.data.Dataset:
    """Return the batches of one pass through the photos, in their order."""

    def order() -> Iterator[tuple[int, Numbers]]:
        for start in range(0, len(features), batch_size):
            yield 0, np.arange(start, min(start + batch_size, len(features)))

    # Keras warns of a pass whose length it did not know.
    length = tf.data.experimental.assert_cardinality(-(-len(features) // batch_size))
    return _batches(features, tail, order).apply(length)


def _batches(features: Features, tail: keras.Model, order: Order) -> tf.data.Dataset:
    def rows() -> Iterator[Any]:
        for epoch, some in order():
            yield (*features.of(some, epoch), features.labels[some])

    def pair(*row: tf.Tensor) -> tuple[Any, tf.Tensor]:
        *inputs, label = row
        floats = [tf.cast(tensor, tf.float32) for tensor in inputs]
        one_hot = tf.one_hot(label, tail.output_shape[-1])
        return (floats[0] if len(floats) == 1 else tuple(floats)), one_hot

    inputs = [tf.TensorSpec(tensor.shape, features.dtype) for tensor in tail.inputs]
    signature = (*inputs, tf.TensorSpec([None], tf.int64))
    made = tf.data.Dataset.from_generator(rows, output_signature=signature)
    return made.map(pair, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
