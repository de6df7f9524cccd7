"""The one reader: from the bytes of a photo file to pixels, in training and in the SavedModel."""

from __future__ import annotations

import tensorflow as tf


def read_image(encoded: tf.Tensor, size: int) -> tf.Tensor:
    """Decode a JPEG, PNG, BMP or GIF (its first frame) and fit it to a square.

    Only TensorFlow operations are used, so that the same function is part of the exported model.

    Args:
        encoded: Scalar string, the bytes of the file.
        size: Height and width of the result in pixels.

    Returns:
        RGB image, float32 `[size, size, 3]`. The values are whole numbers of 0..255, so that a
        photo kept as bytes is the very same photo.
    """
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    image.set_shape([None, None, 3])
    image = tf.image.resize(image, [size, size], antialias=True)
    return tf.clip_by_value(tf.round(image), 0.0, 255.0)
