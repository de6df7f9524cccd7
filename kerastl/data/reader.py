"""The one reader: from the bytes of a photo file to pixels, in training and in the SavedModel."""

from __future__ import annotations

import tensorflow as tf

# A JPEG can be decoded at these fractions of its size, in a fraction of the time.
_FRACTIONS = (2, 4, 8)


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
    image = _decoded(encoded, size)
    image.set_shape([None, None, 3])
    image = tf.image.resize(image, [size, size], antialias=True)
    return tf.clip_by_value(tf.round(image), 0.0, 255.0)


def _decoded(encoded: tf.Tensor, size: int) -> tf.Tensor:
    """Return the image in its own size, or a JPEG in the least one that is not below `size`."""

    def whole() -> tf.Tensor:
        return tf.io.decode_image(encoded, channels=3, expand_animations=False)

    def fractions() -> tf.Tensor:
        side = tf.reduce_min(tf.image.extract_jpeg_shape(encoded)[:2])
        fitting = [side >= size * fraction for fraction in _FRACTIONS]
        return tf.reduce_sum(tf.cast(tf.stack(fitting), tf.int32))

    reduced = [
        lambda fraction=fraction: tf.io.decode_jpeg(encoded, channels=3, ratio=fraction)
        for fraction in _FRACTIONS
    ]
    chosen = tf.cond(tf.io.is_jpeg(encoded), fractions, lambda: tf.constant(0))
    return tf.switch_case(chosen, [whole, *reduced])
