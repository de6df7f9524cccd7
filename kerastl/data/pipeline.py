"""Photos in memory -> batches for training: shuffled, and where asked, augmented."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf


def batches(
    arrays: Sequence[npt.NDArray[np.generic]], batch_size: int, seed: int, epochs: range
) -> tf.data.Dataset:
    """Return shuffled batches of the arrays' rows, epoch after epoch.

    The order of an epoch is a pure function of the seed and the epoch's number, so that training
    that goes on later sees what it would have seen.

    Args:
        arrays: Arrays of the same length, say features and labels.
        batch_size: Rows a batch; the last batch of an epoch may have fewer.
        seed: Decides the order.
        epochs: The numbers of the epochs.
    """
    rows = [tf.constant(array) for array in arrays]
    count = len(arrays[0])

    def epoch_of(number: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.cast(seed, tf.int64), number])
        order = tf.random.experimental.stateless_shuffle(tf.range(count), key)
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    indices = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(epoch_of)
    gathered = indices.map(
        lambda chosen: tuple(tf.gather(array, chosen) for array in rows),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return gathered.prefetch(tf.data.AUTOTUNE)


def augmentation() -> keras.Sequential:
    """Return the layers that flip, turn, zoom, shift and light a batch of photos anew.

    Returns:
        A model from photos `[batch, height, width, 3]` of 0..255 to such photos; `begin_epoch`
        decides what it draws.
    """
    layers = [
        keras.layers.RandomFlip("horizontal", seed=0),
        keras.layers.RandomRotation(0.05, fill_mode="reflect", seed=0),
        keras.layers.RandomZoom((-0.2, 0.1), fill_mode="reflect", seed=0),
        keras.layers.RandomTranslation(0.1, 0.1, fill_mode="reflect", seed=0),
        keras.layers.RandomBrightness(0.15, value_range=(0, 255), seed=0),
        keras.layers.RandomContrast(0.15, value_range=(0, 255), seed=0),
    ]
    return keras.Sequential(layers, name="augmentation")


def begin_epoch(augment: keras.Sequential, seed: int, epoch: int) -> None:
    """Make what an augmentation draws in an epoch a pure function of the seed and its number."""
    for number, state in enumerate(augment.variables):
        state.assign(np.random.SeedSequence([seed, epoch, number]).generate_state(2))
