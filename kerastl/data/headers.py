"""What the headers of photo files say, by TensorFlow operations alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

PNG, BMP, GIF = b"\x89PNG\r\n\x1a\n", b"BM", b"GIF8"

_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_ENTRY = 12


def orientation_of(encoded: tf.Tensor) -> tf.Tensor:
    """Return the orientation that the EXIF data of a JPEG, PNG or WebP tell of.

    Args:
        encoded: Scalar string, the bytes of the file.

    Returns:
        Scalar int64, 1 to 8; 1, upright, where the file says nothing that makes sense.
    """
    start = tf.case(
        [
            (tf.io.is_jpeg(encoded), lambda: _exif_of_jpeg(encoded)),
            (begins(encoded, 0, PNG), lambda: _chunk_of_png(encoded, b"eXIf", b"IEND")),
            (begins(encoded, 8, b"WEBP"), lambda: _chunk_of_webp(encoded, b"EXIF")),
        ],
        default=_nowhere,
        exclusive=True,
    )
    return tf.cond(start > 0, lambda: _orientation_at(encoded, start), lambda: _one())


def has_opacity(encoded: tf.Tensor) -> tf.Tensor:
    """Say whether a PNG tells of pixels that are seen through, in part or all."""
    kind = number_in(encoded, 25, "little", 1)
    named = _chunk_of_png(encoded, b"tRNS", b"IDAT") > 0
    return (kind == 4) | (kind == 6) | named


class WebP(NamedTuple):
    """What the header of a WebP says; all are scalars, int64 or bool."""

    height: tf.Tensor
    width: tf.Tensor
    has_opacity: tf.Tensor
    is_moving: tf.Tensor


def webp_of(encoded: tf.Tensor) -> WebP:
    """Return what the header of a WebP says, whichever of its three kinds it is."""
    flags = number_in(encoded, 20, "little", 1)
    small, large = number_in(encoded, 21, "little", 4), number_in(encoded, 26, "little", 4)
    sides = {
        "extended": [number_in(encoded, place, "little", 3) + 1 for place in (27, 24)],
        "lossless": [small // 2**14 % 2**14 + 1, small % 2**14 + 1],
        "lossy": [large // 2**16 % 2**14, large % 2**14],
    }
    is_extended, is_lossless = begins(encoded, 12, b"VP8X"), begins(encoded, 12, b"VP8L")
    height, width = (
        tf.where(is_extended, extended, tf.where(is_lossless, lossless, lossy))
        for extended, lossless, lossy in zip(*sides.values(), strict=True)
    )
    opacity = tf.where(is_extended, flags & 16, tf.where(is_lossless, small // 2**28 % 2, 0))
    return WebP(height, width, opacity > 0, is_extended & (flags & 2 > 0))


def has_gaps(encoded: tf.Tensor) -> tf.Tensor:
    """Say whether the first frame of a GIF may leave pixels without a colour."""
    screen = _bytes_in(encoded, 6, 4)
    flags = number_in(encoded, 10, "little", 1)
    table = tf.where(flags >= 0x80, 3 * tf.bitwise.left_shift(2 * _one(), flags & 7), 0)

    def after(position: tf.Tensor) -> tuple[tf.Tensor, ...]:
        some = _bytes_in(encoded, position, 9)
        is_extension = some[0] == 0x21
        seen_through = is_extension & (some[1] == 0xF9) & (some[3] % 2 == 1)
        covers = tf.reduce_all(some[1:5] == 0) & tf.reduce_all(some[5:] == screen)
        # An extension is a row of blocks, each after its length; the last one has none.
        next_one = tf.where(is_extension, _blocks_end(encoded, position + 2), -1)
        return seen_through | (~is_extension & ~covers), position, next_one

    start = 13 + table
    return _found(encoded, start, after) > 0


def number_in(encoded: tf.Tensor, position: tf.Tensor | int, order: str, length: int) -> tf.Tensor:
    """Return the number, int64, that some bytes of a file hold; 0 beyond its end.

    Args:
        encoded: Scalar string, the bytes of the file.
        position: That of the first byte.
        order: `"little"` or `"big"`.
        length: How many bytes the number has; 4 are signed.
    """
    return _number(_bytes_in(encoded, position, length), order)


def _blocks_end(encoded: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    def step(position: tf.Tensor) -> tuple[tf.Tensor]:
        return (position + 1 + number_in(encoded, position, "little", 1),)

    def going_on(position: tf.Tensor) -> tf.Tensor:
        return number_in(encoded, position, "little", 1) > 0

    return tf.while_loop(going_on, step, (position,))[0] + 1


def _number(some: tf.Tensor, order: str) -> tf.Tensor:
    length = some.shape[0]
    places = range(length) if order == "little" else reversed(range(length))
    number = tf.reduce_sum(some * tf.constant([1 << (8 * place) for place in places], tf.int64))
    return number - tf.cast(number >= 1 << 31, tf.int64) * (1 << 32) if length == 4 else number


def _bytes_in(encoded: tf.Tensor, position: tf.Tensor | int, length: int) -> tf.Tensor:
    """Return so many bytes, int64; zeros beyond the end."""
    within = tf.clip_by_value(tf.cast(position, tf.int64), 0, _length(encoded))
    some = tf.io.decode_raw(tf.strings.substr(encoded, within, length), tf.uint8)
    some = tf.pad(some, [[0, length - tf.size(some)]])
    return tf.cast(tf.ensure_shape(some, [length]), tf.int64)


def _length(encoded: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.strings.length(encoded), tf.int64)


def begins(encoded: tf.Tensor, position: tf.Tensor | int, expected: bytes) -> tf.Tensor:
    """Say whether these bytes stand at a position."""
    return _is(_bytes_in(encoded, position, len(expected)), expected)


def _is(some: tf.Tensor, expected: bytes) -> tf.Tensor:
    return tf.reduce_all(some == tf.constant(list(expected), tf.int64))


def _nowhere() -> tf.Tensor:
    return tf.constant(-1, tf.int64)


def _one() -> tf.Tensor:
    return tf.constant(1, tf.int64)


def _exif_of_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    """Return where the EXIF data start, or -1."""

    def after(position: tf.Tensor) -> tuple[tf.Tensor, ...]:
        some = _bytes_in(encoded, position, 4 + len(_EXIF))
        first, marker, size = some[0], some[1], _number(some[2:4], "big")
        # Before a marker there may be more of the bytes that it begins with.
        is_filled = marker == 0xFF
        # With the marker 0xDA, or anything else but a segment, the image itself begins.
        going_on = (first == 0xFF) & (is_filled | ((marker != 0xDA) & (size >= 2)))
        next_one = position + tf.where(is_filled, _one(), 2 + size)
        is_exif = (marker == 0xE1) & _is(some[4:], _EXIF)
        return is_exif, position + 4 + len(_EXIF), tf.where(going_on, next_one, -1)

    return _found(encoded, 2, after)


def _chunk_of_png(encoded: tf.Tensor, wanted: bytes, last: bytes) -> tf.Tensor:
    """Return where the content of a chunk starts that comes before another, or -1."""

    def after(position: tf.Tensor) -> tuple[tf.Tensor, ...]:
        some = _bytes_in(encoded, position, 8)
        size, name = _number(some[:4], "big"), some[4:]
        going_on = (size >= 0) & ~_is(name, last)
        return _is(name, wanted), position + 8, tf.where(going_on, position + size + 12, -1)

    return _found(encoded, 8, after)


def _chunk_of_webp(encoded: tf.Tensor, wanted: bytes) -> tf.Tensor:
    """Return where the content of a chunk starts, or -1."""

    def after(position: tf.Tensor) -> tuple[tf.Tensor, ...]:
        some = _bytes_in(encoded, position, 8)
        size = _number(some[4:], "little")
        # Contents of an odd size are followed by a byte of nothing.
        next_one = tf.where(size >= 0, position + 8 + size + size % 2, -1)
        return _is(some[:4], wanted), position + 8, next_one

    return _found(encoded, 12, after)


def _found(
    encoded: tf.Tensor, start: tf.Tensor | int, after: Callable[[tf.Tensor], tuple[tf.Tensor, ...]]
) -> tf.Tensor:
    """Go through the parts of a file until the one that is looked for.

    Args:
        encoded: Scalar string, the bytes of the file.
        start: Where the first part begins.
        after: Is given where a part begins. Says whether it is the one, where its content starts,
            and where the next part begins, -1 for no more.

    Returns:
        Scalar int64: where its content starts, -1 where there is no such part.
    """
    length = _length(encoded)

    def step(position: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        is_it, content, next_one = after(position)
        return next_one, tf.where(is_it, content, _nowhere())

    def going_on(position: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
        return (found < 0) & (position > 0) & (position < length)

    return tf.while_loop(going_on, step, (tf.cast(start, tf.int64), _nowhere()))[1]


def _orientation_at(encoded: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Return the orientation that the TIFF structure which starts there holds, or 1."""
    # A WebP may repeat the mark of a JPEG before it.
    start = tf.where(begins(encoded, start, _EXIF), start + len(_EXIF), start)
    return tf.case(
        [
            (begins(encoded, start, b"II*\0"), lambda: _tag_at(encoded, start, "little")),
            (begins(encoded, start, b"MM\0*"), lambda: _tag_at(encoded, start, "big")),
        ],
        default=_one,
        exclusive=True,
    )


def _tag_at(encoded: tf.Tensor, start: tf.Tensor, order: str) -> tf.Tensor:
    directory = start + number_in(encoded, start + 4, order, 4)
    count = number_in(encoded, directory, order, 2)
    position = tf.clip_by_value(directory + 2, 0, _length(encoded))
    raw = tf.io.decode_raw(tf.strings.substr(encoded, position, count * _ENTRY), tf.uint8)
    whole = tf.size(raw) // _ENTRY * _ENTRY
    entries = tf.cast(tf.reshape(raw[:whole], [-1, _ENTRY]), tf.int64)
    high, low = (0, 1) if order == "big" else (1, 0)

    def pair(place: int) -> tf.Tensor:
        return 256 * entries[:, place + high] + entries[:, place + low]

    # A short number stands at the beginning of its place; a long one fills it.
    is_long = pair(2) == 4
    value = tf.where(is_long, pair(10), pair(8)) if order == "big" else pair(8)
    values = tf.boolean_mask(value, pair(0) == _ORIENTATION)
    first = tf.concat([values, [1]], axis=0)[0]
    return tf.where((first >= 1) & (first <= 8), first, 1)
