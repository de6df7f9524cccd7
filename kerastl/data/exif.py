"""Where photo files have EXIF data and which way up those say it is, by TensorFlow alone."""

from __future__ import annotations

import tensorflow as tf

from kerastl.data.encoded import (
    are_bytes,
    as_int64,
    find_part,
    length_of,
    nowhere,
    number_of,
    some_at,
)
from kerastl.data.headers import chunk_of_png

# What EXIF data of a JPEG begin with.
EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_ENTRY, _OF_LONG = 12, 4
# What the bytes of a number count for, the lowest first.
_SHORT, _LONG = [1, 256], [1, 256, 256**2, 256**3]


def exif_of_jpeg(file: tf.Tensor) -> tf.Tensor:
    """Return where in a JPEG the EXIF data start, scalar int64, or -1.

    Args:
        file: As of `bytes_of`.
    """

    def after(position: tf.Tensor) -> tuple[tf.Tensor, ...]:
        some = some_at(file, position, 4 + len(EXIF))
        marker, size = some[1], number_of(some[2:4], "big")
        # Before a marker there may be more of the bytes that it begins with.
        is_filled = marker == 0xFF
        # What programs add (0xE0 to 0xEF) and comments come before the tables and the image.
        is_added = ((marker >= 0xE0) & (marker < 0xF0)) | (marker == 0xFE)
        going_on = (some[0] == 0xFF) & (is_added | is_filled)
        next_one = position + tf.where(is_filled, as_int64(1), 2 + size)
        is_exif = (marker == 0xE1) & are_bytes(some[4:], EXIF)
        return is_exif, position + 4 + len(EXIF), tf.where(going_on, next_one, nowhere())

    return find_part(file, 2, after)


def exif_of_png(file: tf.Tensor) -> tf.Tensor:
    """Return where in a PNG the EXIF data start, scalar int64, or -1."""
    return chunk_of_png(file, b"eXIf", b"IEND")


def exif_of_webp(file: tf.Tensor) -> tf.Tensor:
    """Return where in a WebP the EXIF data start, scalar int64, or -1."""

    def after(position: tf.Tensor) -> tuple[tf.Tensor, ...]:
        some = some_at(file, position, 8)
        size = number_of(some[4:], "little")
        # Contents of an odd size are followed by a byte of nothing.
        return are_bytes(some[:4], b"EXIF"), position + 8, position + 8 + size + size % 2

    return find_part(file, 12, after)


def orientation_at(file: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Return the orientation that EXIF data tell of (EXIF 2.3, tag 274).

    Args:
        file: As of `bytes_of`.
        start: Where they start.

    Returns:
        Scalar int64, 1 to 8; 1, upright, where they say nothing that makes sense.
    """
    # A WebP may repeat the mark of a JPEG before them.
    repeated = are_bytes(some_at(file, start, len(EXIF)), EXIF)
    start = tf.where(repeated, start + len(EXIF), start)
    head = some_at(file, start, 8)
    is_big = are_bytes(head[:4], b"MM\0*")
    long, short = (as_int64(tf.where(is_big, some[::-1], some)) for some in (_LONG, _SHORT))
    directory = start + tf.reduce_sum(as_int64(head[4:]) * long)
    count = tf.reduce_sum(as_int64(some_at(file, directory, 2)) * short)
    first = tf.minimum(directory + 2, length_of(file))
    count = tf.minimum(count, (length_of(file) - first) // _ENTRY)
    entries = as_int64(tf.reshape(file[first : first + count * _ENTRY], [-1, _ENTRY]))
    tag, kind, high, low = (
        tf.reduce_sum(entries[:, place : place + 2] * short, axis=1) for place in (0, 2, 8, 10)
    )
    # A short number stands at the beginning of its place; a long one fills it.
    values = tf.where((kind == _OF_LONG) & is_big, low, high)
    found = tf.concat([tf.boolean_mask(values, tag == _ORIENTATION), [1]], axis=0)[0]
    makes_sense = (is_big | are_bytes(head[:4], b"II*\0")) & (found >= 1) & (found <= 8)
    return tf.where(makes_sense, found, 1)
