"""What the headers of photo files say, by TensorFlow operations alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

PNG, BMP, GIF = b"\x89PNG\r\n\x1a\n", b"BM", b"GIF8"

_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_ENTRY, _OF_LONG = 12, 4
# What the bytes of a number count for, the lowest first.
_SHORT, _LONG = [1, 256], [1, 256, 256**2, 256**3]
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
    return _is(file[position : position + len(expected)], expected)


def number_at(file: tf.Tensor, position: tf.Tensor | int, order: str, length: int) -> tf.Tensor:
    """Return the number, int64, that some bytes of a file hold; 0 beyond its end.

    Args:
        file: As of `bytes_of`.
        position: That of the first byte.
        order: `"little"` or `"big"`.
        length: How many bytes the number has.
    """
    return _number(_some(file, position, length), order)


def may_have_exif(encoded: tf.Tensor) -> tf.Tensor:
    """Say whether a JPEG may have EXIF data, without looking through it; mostly it has none.

    Args:
        encoded: The bytes of the file, a scalar string.
    """
    # The tables, of which the first is this one, come after all that programs add. Before them
    # there is mostly one thing, of always the same size.
    begins = _has(encoded, 0, b"\xff\xd8\xff\xdb")
    follows = _has(encoded, 0, b"\xff\xd8\xff\xe0\0\x10") & _has(encoded, 20, b"\xff\xdb")
    return ~(begins | follows)


def _has(encoded: tf.Tensor, position: int, expected: bytes) -> tf.Tensor:
    return tf.strings.substr(encoded, position, len(expected)) == expected


def exif_of_jpeg(file: tf.Tensor) -> tf.Tensor:
    """Return where in a JPEG the EXIF data start, scalar int64, or -1.

    Args:
        file: As of `bytes_of`.
    """

    def after(position: tf.Tensor) -> tuple[tf.Tensor, ...]:
        some = _some(file, position, 4 + len(_EXIF))
        marker, size = some[1], _number(some[2:4], "big")
        # Before a marker there may be more of the bytes that it begins with.
        is_filled = marker == 0xFF
        # What programs add (0xE0 to 0xEF) and comments come before the tables and the image.
        is_added = ((marker >= 0xE0) & (marker < 0xF0)) | (marker == 0xFE)
        going_on = (some[0] == 0xFF) & (is_added | is_filled)
        next_one = position + tf.where(is_filled, _int(1), 2 + size)
        is_exif = (marker == 0xE1) & _is(some[4:], _EXIF)
        return is_exif, position + 4 + len(_EXIF), tf.where(going_on, next_one, nowhere())

    return _found(file, 2, after)


def exif_of_png(file: tf.Tensor) -> tf.Tensor:
    """Return where in a PNG the EXIF data start, scalar int64, or -1."""
    return _chunk_of_png(file, b"eXIf", b"IEND")


def exif_of_webp(file: tf.Tensor) -> tf.Tensor:
    """Return where in a WebP the EXIF data start, scalar int64, or -1."""

    def after(position: tf.Tensor) -> tuple[tf.Tensor, ...]:
        some = _some(file, position, 8)
        size = _number(some[4:], "little")
        # Contents of an odd size are followed by a byte of nothing.
        return _is(some[:4], b"EXIF"), position + 8, position + 8 + size + size % 2

    return _found(file, 12, after)


def orientation_at(file: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Return the orientation that EXIF data tell of (EXIF 2.3, tag 274).

    Args:
        file: As of `bytes_of`.
        start: Where they start.

    Returns:
        Scalar int64, 1 to 8; 1, upright, where they say nothing that makes sense.
    """
    # A WebP may repeat the mark of a JPEG before them.
    repeated = _is(_some(file, start, len(_EXIF)), _EXIF)
    start = tf.where(repeated, start + len(_EXIF), start)
    head = _some(file, start, 8)
    is_big = _is(head[:4], b"MM\0*")
    long, short = (_int(tf.where(is_big, some[::-1], some)) for some in (_LONG, _SHORT))
    directory = start + tf.reduce_sum(_int(head[4:]) * long)
    count = tf.reduce_sum(_int(_some(file, directory, 2)) * short)
    first = tf.minimum(directory + 2, _length(file))
    count = tf.minimum(count, (_length(file) - first) // _ENTRY)
    entries = _int(tf.reshape(file[first : first + count * _ENTRY], [-1, _ENTRY]))
    tag, kind, high, low = (
        tf.reduce_sum(entries[:, place : place + 2] * short, axis=1) for place in (0, 2, 8, 10)
    )
    # A short number stands at the beginning of its place; a long one fills it.
    values = tf.where((kind == _OF_LONG) & is_big, low, high)
    found = tf.concat([tf.boolean_mask(values, tag == _ORIENTATION), [1]], axis=0)[0]
    makes_sense = (is_big | _is(head[:4], b"II*\0")) & (found >= 1) & (found <= 8)
    return tf.where(makes_sense, found, 1)


def has_opacity(file: tf.Tensor) -> tf.Tensor:
    """Say whether a PNG tells of pixels that are seen through, in part or all."""
    kind = file[25]
    named = _chunk_of_png(file, b"tRNS", b"IDAT") > 0
    return (kind == 4) | (kind == 6) | named


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
    table = tf.where(flags >= 0x80, 3 * tf.bitwise.left_shift(_int(2), flags & 7), 0)

    def after(position: tf.Tensor) -> tuple[tf.Tensor, ...]:
        some = _some(file, position, 9)
        is_extension = some[0] == 0x21
        seen_through = is_extension & (some[1] == 0xF9) & (some[3] % 2 == 1)
        covers = tf.reduce_all(some[1:5] == 0) & tf.reduce_all(some[5:] == file[6:10])
        # An extension is a row of blocks, each after its length; the last one has none.
        next_one = tf.where(is_extension, _blocks_end(file, position + 2), nowhere())
        return seen_through | (~is_extension & ~covers), position, next_one

    return _found(file, 13 + table, after) > 0


def _some(file: tf.Tensor, position: tf.Tensor | int, length: int) -> tf.Tensor:
    """Return so many bytes; from beyond the end on they are zeros."""
    start = tf.minimum(_int(position), _length(file))
    return tf.slice(file, [start], [length])


def _length(file: tf.Tensor) -> tf.Tensor:
    return tf.size(file, tf.int64) - _BEYOND


def _int(value: tf.Tensor | int) -> tf.Tensor:
    return tf.cast(value, tf.int64)


def _number(some: tf.Tensor, order: str) -> tf.Tensor:
    length = some.shape[0]
    places = range(length) if order == "little" else reversed(range(length))
    return tf.reduce_sum(_int(some) * tf.constant([256**place for place in places], tf.int64))


def _is(some: tf.Tensor, expected: bytes) -> tf.Tensor:
    return tf.reduce_all(some == tf.constant(list(expected), tf.uint8))


def _blocks_end(file: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    def step(position: tf.Tensor) -> tuple[tf.Tensor]:
        return (position + 1 + number_at(file, position, "little", 1),)

    def going_on(position: tf.Tensor) -> tf.Tensor:
        return number_at(file, position, "little", 1) > 0

    return tf.while_loop(going_on, step, (position,))[0] + 1


def _chunk_of_png(file: tf.Tensor, wanted: bytes, last: bytes) -> tf.Tensor:
    """Return where the content of a chunk starts that comes before another, or -1."""

    def after(position: tf.Tensor) -> tuple[tf.Tensor, ...]:
        some = _some(file, position, 8)
        next_one = position + _number(some[:4], "big") + 12
        going_on = ~_is(some[4:], last)
        return _is(some[4:], wanted), position + 8, tf.where(going_on, next_one, nowhere())

    return _found(file, 8, after)


def _found(
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
    length = _length(file)

    def step(position: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        is_it, content, next_one = after(position)
        return next_one, tf.where(is_it, content, nowhere())

    def going_on(position: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
        return (found < 0) & (position > 0) & (position < length)

    return tf.while_loop(going_on, step, (_int(start), nowhere()))[1]
