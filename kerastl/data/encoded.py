"""The bytes of a photo file, read by TensorFlow operations alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# What is read at once, at most: a file is as if it went on with so many zeros.
_BEYOND = 16


def bytes_of(encoded: tf.Tensor) -> tf.Tensor:
    """Return the bytes of a file and some zeros after them, uint8: what all others here are given.

    Args:
        encoded: Scalar string.
    """
    return tf.io.decode_raw(tf.strings.join([encoded, tf.constant(bytes(_BEYOND))]), tf.uint8)


def apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep a branch that is seldom taken a function of its own.

    Otherwise each of its operations is passed over one by one where it is not taken, which can take
    longer than to decode a small photo.
    """
    kept: Callable[..., Any] = tf.function(
        function, autograph=False, experimental_attributes={"_noinline": True}
    )
    return kept


def nowhere() -> tf.Tensor:
    """Return the position of what is not there."""
    return tf.constant(-1, tf.int64)


def begins(file: tf.Tensor, position: int, expected: bytes) -> tf.Tensor:
    """Say whether these bytes stand at a position near the beginning of a file."""
    return are_bytes(file[position : position + len(expected)], expected)


def number_at(file: tf.Tensor, position: tf.Tensor | int, order: str, length: int) -> tf.Tensor:
    """Return the number, int64, that some bytes of a file hold; 0 beyond its end.

    Args:
        file: As of `bytes_of`.
        position: That of the first byte.
        order: `"little"` or `"big"`.
        length: How many bytes the number has.
    """
    return number_of(some_at(file, position, length), order)


def some_at(file: tf.Tensor, position: tf.Tensor | int, length: int) -> tf.Tensor:
    """Return so many bytes; from beyond the end on they are zeros."""
    start = tf.minimum(as_int64(position), length_of(file))
    return tf.slice(file, [start], [length])


def length_of(file: tf.Tensor) -> tf.Tensor:
    """Return how many bytes the file itself has, int64."""
    return tf.size(file, tf.int64) - _BEYOND


def as_int64(value: tf.Tensor | int) -> tf.Tensor:
    """Return whole numbers as int64, in which those of all files can be reckoned."""
    return tf.cast(value, tf.int64)


def number_of(some: tf.Tensor, order: str) -> tf.Tensor:
    """Return the number, int64, that these bytes are; for `order` see `number_at`."""
    length = some.shape[0]
    places = range(length) if order == "little" else reversed(range(length))
    return tf.reduce_sum(as_int64(some) * tf.constant([256**place for place in places], tf.int64))


def are_bytes(some: tf.Tensor, expected: bytes) -> tf.Tensor:
    """Say whether these bytes are the expected ones."""
    return tf.reduce_all(some == tf.constant(list(expected), tf.uint8))


def find_part(
    file: tf.Tensor,
    start: tf.Tensor | int,
    after: Callable[[tf.Tensor], tuple[tf.Tensor, ...]],
) -> tf.Tensor:
    """Go through the parts of a file until the one that is looked for.

    Args:
        file: As of `bytes_of`.
        start: Where the first part begins.
        after: Is given where a part begins. Says whether it is the one, where its content starts,
            and where the next part begins, -1 for no more.

    Returns:
        Scalar int64: where its content starts, -1 where there is no such part.
    """
    length = length_of(file)

    def step(position: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        is_it, content, next_one = after(position)
        return next_one, tf.where(is_it, content, nowhere())

    def going_on(position: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
        return (found < 0) & (position > 0) & (position < length)

    return tf.while_loop(going_on, step, (as_int64(start), nowhere()))[1]
