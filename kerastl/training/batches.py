"""Features -> the batches that `fit` is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastl.cache import Array, Numbers
from kerastl.data.pipeline import balanced, read_ahead, shuffled
from kerastl.training.features import Features

# The numbers of the photos of a batch, and the epoch that sees them.
Order = Sequence[tuple[int, Numbers]]


def training_batches(
    features: Features,
    tail: keras.Model,
    batch_size: int,
    seed: int,
    epochs: range,
    balance: str | None = None,
) -> tf.data.Dataset:
    """Return shuffled batches of inputs, targets and perhaps weights, epoch after epoch.

    Args:
        features: What is learned from.
        tail: What learns: from the features to logits.
        batch_size: Photos a batch; the last batch of an epoch may have fewer.
        seed: Decides the order.
        epochs: The numbers of the epochs.
        balance: As in a recipe.
    """

    def chosen(epoch: int) -> Iterator[Numbers]:
        if balance == "sampler":
            return balanced(features.labels, batch_size, seed, epoch)
        return shuffled(len(features), batch_size, seed, epoch)

    order = [(epoch, some) for epoch in epochs for some in chosen(epoch)]
    return _batches(features, tail, order)


def validation_batches(features: Features, tail: keras.Model, batch_size: int) -> tf.data.Dataset:
    """Return the batches of one pass through the photos, in their order."""
    numbers = np.arange(len(features))
    starts = range(0, len(features), batch_size)
    order = [(0, numbers[start : start + batch_size]) for start in starts]
    # Keras warns of a pass whose length it did not know.
    length = tf.data.experimental.assert_cardinality(len(order))
    return _batches(features, tail, order).apply(length)


def _batches(features: Features, tail: keras.Model, order: Order) -> tf.data.Dataset:
    classes = tail.output_shape[-1]

    @tf.autograph.experimental.do_not_convert
    def pair(inputs: tuple[Any, ...], label: tf.Tensor, *weight: tf.Tensor) -> tuple[Any, ...]:
        floats = tuple(tf.cast(tensor, tf.float32) for tensor in inputs)
        several = label.shape.rank == 2
        targets = tf.cast(label, tf.float32) if several else tf.one_hot(label, classes)
        return (floats[0] if len(floats) == 1 else floats), targets, *weight

    rows = _read(features, tail, order) if features.held is None else _gathered(features, order)
    return read_ahead(rows.map(pair, num_parallel_calls=tf.data.AUTOTUNE))


def _read(features: Features, tail: keras.Model, order: Order) -> tf.data.Dataset:
    """Return batches that are read, or computed, one by one."""
    classes = tail.output_shape[-1]

    def rows() -> Iterator[Any]:
        for epoch, some in order:
            yield tuple(features.of(some, epoch)), *_told(features, some, epoch, classes)

    inputs = tuple(tf.TensorSpec(tensor.shape, features.dtype) for tensor in tail.inputs)
    nobody = _told(features, np.arange(0), 0, classes)
    columns = (tf.TensorSpec([None, *told.shape[1:]], told.dtype) for told in nobody)
    return tf.data.Dataset.from_generator(rows, output_signature=(inputs, *columns))


def _told(features: Features, some: Numbers, epoch: int, classes: int) -> list[Array]:
    """Return what is told of some photos, mixed as they are."""
    labels, *weights = (column[some] for column in features.told())
    if features.mixing is None:
        return [labels, *weights]
    targets = labels if labels.ndim == 2 else keras.utils.to_categorical(labels, classes)
    mixing = features.mixing(some, epoch)
    return [mixing.rows(each) for each in (targets, *weights)]


def _gathered(features: Features, order: Order) -> tf.data.Dataset:
    """Return batches of features that are held in memory, without a step of Python for each."""
    held = tuple(tf.constant(array) for array in features.held or ())
    told = tuple(tf.constant(column) for column in features.told())
    numbers = tf.RaggedTensor.from_row_lengths(
        np.concatenate([some for _, some in order]), [len(some) for _, some in order]
    )

    @tf.autograph.experimental.do_not_convert
    def gathered(some: tf.Tensor) -> tuple[Any, ...]:
        inputs = tuple(tf.gather(array, some) for array in held)
        return inputs, *(tf.gather(column, some) for column in told)

    batches = tf.data.Dataset.from_tensor_slices(numbers)
    return batches.map(gathered, num_parallel_calls=tf.data.AUTOTUNE)
