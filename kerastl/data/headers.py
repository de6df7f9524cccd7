"""What the headers of PNG, WebP and GIF files say, by TensorFlow operations alone."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from kerastl.data.encoded import (
    are_bytes,
    as_int64,
    begins,
    find_part,
    nowhere,
    number_at,
    number_of,
    some_at,
)

PNG, BMP, GIF = b"\x89PNG\r\n\x1a\n", b"BM", b"GIF8"


def has_opacity(file: tf.Tensor) -> tf.Tensor:
    """Say whether a PNG tells of pixels that are seen through, in part or all."""
    kind = file[25]
    named = chunk_of_png(file, b"tRNS", b"IDAT") > 0
    return (kind == 4) | (kind == 6) | named


def chunk_of_png(file: tf.Tensor, wanted: bytes, last: bytes) -> tf.Tensor:
    """Return where the content of a chunk starts that comes before another, or -1."""

    def after(position: tf.Tensor) -> tuple[tf.Tensor, ...]:
        some = some_at(file, position, 8)
        next_one = position + number_of(some[:4], "big") + 12
        going_on = ~are_bytes(some[4:], last)
        return are_bytes(some[4:], wanted), position + 8, tf.where(going_on, next_one, nowhere())

    return find_part(file, 8, after)


class WebP(NamedTuple):
    """What the header of a WebP says; all are scalars, int64 or bool."""

    height: tf.Tensor
    width: tf.Tensor
    has_opacity: tf.Tensor
    is_moving: tf.Tensor


def webp_of(file: tf.Tensor) -> WebP:
    """Return what the header of a WebP says, whichever of its three kinds it is."""
    flags = number_at(file, 20, "little", 1)
    small, large = number_at(file, 21, "little", 4), number_at(file, 26, "little", 4)
    extended = [number_at(file, place, "little", 3) + 1 for place in (27, 24)]
    lossless = [small // 2**14 % 2**14 + 1, small % 2**14 + 1]
    lossy = [large // 2**16 % 2**14, large % 2**14]
    is_extended, is_lossless = begins(file, 12, b"VP8X"), begins(file, 12, b"VP8L")
    height, width = tf.unstack(
        tf.where(is_extended, extended, tf.where(is_lossless, lossless, lossy))
    )
    opacity = tf.where(is_extended, flags & 16, tf.where(is_lossless, small // 2**28 % 2, 0))
    return WebP(height, width, opacity > 0, is_extended & (flags & 2 > 0))


def has_gaps(file: tf.Tensor) -> tf.Tensor:
    """Say whether the first frame of a GIF may leave pixels without a colour."""
    flags = number_at(file, 10, "little", 1)
    table = tf.where(flags >= 0x80, 3 * tf.bitwise.left_shift(as_int64(2), flags & 7), 0)

    def after(position: tf.Tensor) -> tuple[tf.Tensor, ...]:
        some = some_at(file, position, 9)
        is_extension = some[0] == 0x21
        seen_through = is_extension & (some[1] == 0xF9) & (some[3] % 2 == 1)
        covers = tf.reduce_all(some[1:5] == 0) & tf.reduce_all(some[5:] == file[6:10])
        # An extension is a row of blocks, each after its length; the last one has none.
        next_one = tf.where(is_extension, _blocks_end(file, position + 2), nowhere())
        return seen_through | (~is_extension & ~covers), position, next_one

    return find_part(file, 13 + table, after) > 0


def _blocks_end(file: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    def step(position: tf.Tensor) -> tuple[tf.Tensor]:
        return (position + 1 + number_at(file, position, "little", 1),)

    def going_on(position: tf.Tensor) -> tf.Tensor:
        return number_at(file, position, "little", 1) > 0

    return tf.while_loop(going_on, step, (position,))[0] + 1
