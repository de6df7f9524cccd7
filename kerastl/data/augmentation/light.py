"""Photos -> parts of them, mirrored or not, in another light."""

from __future__ import annotations

import tensorflow as tf

# What is left to chance in a part of a photo, and in a view: the part and its light.
BOX_DRAWS = 5
DRAWS = 7


def views(images: tf.Tensor, draws: tf.Tensor, size: int) -> tf.Tensor:
    """Return a part of each photo, mirrored or not, in another light (Szegedy et al., 2015).

    All of it is done for the whole batch at once: Keras's layers for it take several times as long
    on a processor.

    Args:
        images: Photos of 0..255, `[batch, height, width, 3]`.
        draws: What is left to chance, 0..1, `[7, batch]`.
        size: Height and width in pixels of the result.

    Returns:
        Photos, float32 `[batch, size, size, 3]` of 0..255.
    """
    numbers = tf.range(tf.shape(images)[0])
    parts = tf.image.crop_and_resize(images, boxes(draws), numbers, [size, size])
    gain, lift = 0.75 + 0.5 * draws[5], 40 * (draws[6] - 0.5)
    return tf.clip_by_value(parts * _each(gain) + _each(lift), 0.0, 255.0)


def boxes(draws: tf.Tensor) -> tf.Tensor:
    """Return parts of photos; one whose right edge is left of its left edge is seen mirrored.

    Args:
        draws: What is left to chance, 0..1, `[5, batch]`; what is more is not looked at.

    Returns:
        Top, left, bottom and right edges as shares of the sides, float32 `[batch, 4]`.
    """
    area, aspect = 0.4 + 0.6 * draws[0], tf.exp((draws[1] - 0.5) * 0.6)
    height = tf.minimum(tf.sqrt(area * aspect), 1.0)
    width = tf.minimum(tf.sqrt(area / aspect), 1.0)
    top, left = draws[2] * (1 - height), draws[3] * (1 - width)
    mirrored = draws[4] < 0.5
    sides = tf.where(mirrored, left + width, left), tf.where(mirrored, left, left + width)
    return tf.cast(tf.stack([top, sides[0], top + height, sides[1]], axis=1), tf.float32)


def _each(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(values, tf.float32)[:, tf.newaxis, tf.newaxis, tf.newaxis]
