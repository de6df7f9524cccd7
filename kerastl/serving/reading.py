"""Many photo files -> pixels, in the graph of a model: a bad one does not fail the others."""

from __future__ import annotations

import tensorflow as tf

from kerastl.data.reader import read_image


def read_files(files: tf.Tensor, size: int, resize: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode photo files; only TensorFlow operations are used.

    Args:
        files: String `[photos]`, the bytes of each.
        size: Height and width of the result in pixels.
        resize: How they become squares, as in a recipe.

    Returns:
        RGB, float32 `[photos, size, size, 3]` of 0..255, and whether each could be decoded,
        boolean `[photos]`; of those that could not the pixels are black.
    """
    count = tf.shape(files, tf.int64)[0]

    @tf.autograph.experimental.do_not_convert
    def read(number: tf.Tensor, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return number, tf.cast(read_image(encoded, size, resize), tf.uint8)

    numbered = tf.data.Dataset.zip(
        (tf.data.Dataset.range(count), tf.data.Dataset.from_tensor_slices(files))
    )
    decoded = numbered.map(read, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()
    # One more, which is none of the photos: there has to be something to make a batch of.
    black = tf.zeros([size, size, 3], tf.uint8)
    first = tf.data.Dataset.from_tensors((count, black))
    together = first.concatenate(decoded).batch(count + 1).with_options(_options())
    numbers, pixels = together.get_single_element()
    where = tf.scatter_nd(numbers[:, tf.newaxis], tf.range(tf.size(numbers)), [count + 1])[:count]
    # What is in no place has place 0, which is black.
    return tf.cast(tf.gather(pixels, where), tf.float32), where > 0


def _options() -> tf.data.Options:
    options = tf.data.Options()
    # In whatever order they are ready: each has its number.
    options.deterministic = False
    return options
