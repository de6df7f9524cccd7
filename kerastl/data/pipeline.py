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


def views(images: tf.Tensor, key: tf.Tensor, size: int) -> tf.Tensor:
    """Return a random part of each photo, flipped or not, in another light.

    All of it is a pure function of the key, and done for the whole batch at once: the layers of
    `augmentation` take several times as long on a processor.

    Args:
        images: Photos of 0..255, `[batch, height, width, 3]`.
        key: Two integers.
        size: Height and width in pixels of the result.

    Returns:
        Photos, float32 `[batch, size, size, 3]` of 0..255.
    """
    count = tf.shape(images)[0]
    draws = tf.random.stateless_uniform((7, count), key)
    area, aspect = 0.4 + 0.6 * draws[0], tf.exp((draws[1] - 0.5) * 0.6)
    height = tf.minimum(1.0, tf.sqrt(area * aspect))
    width = tf.minimum(1.0, tf.sqrt(area / aspect))
    top, left = draws[2] * (1 - height), draws[3] * (1 - width)
    # A box whose right edge is left of its left edge shows its part mirrored.
    mirrored = draws[4] < 0.5
    sides = tf.where(mirrored, left + width, left), tf.where(mirrored, left, left + width)
    boxes = tf.stack([top, sides[0], top + height, sides[1]], axis=1)
    parts = tf.image.crop_and_resize(images, boxes, tf.range(count), [size, size])
    gain, lift = 0.75 + 0.5 * draws[5], 40 * (draws[6] - 0.5)
    return tf.clip_by_value(parts * _each(gain) + _each(lift), 0.0, 255.0)


def _each(values: tf.Tensor) -> tf.Tensor:
    return values[:, tf.newaxis, tf.newaxis, tf.newaxis]
