"""Photos -> other views of them: augmentation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

# What is left to chance in a view.
DRAWS = 7


def view_of(
    images: npt.NDArray[np.uint8], ids: npt.NDArray[np.uint8], seed: int, number: int
) -> npt.NDArray[np.float32]:
    """Return a view of each photo, a pure function of the seed, the photo's id and the number.

    Args:
        images: Photos of 0..255, `[batch, size, size, 3]`.
        ids: Theirs, uint8 `[batch, 16]`.
        seed: Any number from 0.
        number: Number of the view, from 0.
    """
    words = ids.view(np.uint32)
    draws = [np.random.default_rng([seed, number, *some]).random(DRAWS) for some in words]
    drawn = np.array(draws, np.float32).reshape(-1, DRAWS).T
    seen: npt.NDArray[np.float32] = _views(tf.constant(images), tf.constant(drawn)).numpy()
    return seen


@tf.function(reduce_retracing=True)
def _views(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    return views(images, draws, images.shape[1])


def views(images: tf.Tensor, draws: tf.Tensor, size: int) -> tf.Tensor:
    """Return a part of each photo, flipped or not, in another light.

    All of it is done for the whole batch at once: Keras's layers for it take several times as long
    on a processor.

    Args:
        images: Photos of 0..255, `[batch, height, width, 3]`.
        draws: What is left to chance, 0..1, `[7, batch]`.
        size: Height and width in pixels of the result.

    Returns:
        Photos, float32 `[batch, size, size, 3]` of 0..255.
    """
    count = tf.shape(images)[0]
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
