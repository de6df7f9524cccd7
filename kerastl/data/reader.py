"""The one reader: from the bytes of a photo file to pixels, in training and in the SavedModel."""

from __future__ import annotations

from functools import partial

import tensorflow as tf

from kerastl.data.encoded import apart, begins, bytes_of, nowhere, number_at
from kerastl.data.exif import (
    exif_of_jpeg,
    exif_of_png,
    exif_of_webp,
    orientation_at,
)
from kerastl.data.fitting import fit
from kerastl.data.headers import BMP, GIF, PNG, has_gaps, has_opacity, webp_of
from kerastl.recipe import SQUASH

# A JPEG can be decoded at these fractions of its size, in a fraction of the time.
_FRACTIONS = (2, 4, 8)
# More pixels than a photo has are no photo but an attack on the memory (Pillow's own limits); a
# JPEG that is reduced while it is decoded fills less of it.
MOST_PIXELS = 2**28 // 3
_MOST_PIXELS_OF_JPEG = 2 * MOST_PIXELS


def read_image(encoded: tf.Tensor, size: int, resize: str = SQUASH) -> tf.Tensor:
    """Decode a JPEG, PNG, BMP, WebP or GIF (its first frame), upright, and make it a square.

    Only TensorFlow operations are used, so that the same function is part of the exported model.

    Args:
        encoded: Scalar string, the bytes of the file.
        size: Height and width of the result in pixels.
        resize: How it becomes a square, as in a recipe.

    Returns:
        RGB image, float32 `[size, size, 3]`. The values are whole numbers of 0..255, so that a
        photo kept as bytes is the very same photo.

    Raises:
        tf.errors.InvalidArgumentError: The bytes are no such file, it is damaged, or it has more
            pixels than any photo.
    """
    encoded = tf.convert_to_tensor(encoded)
    file = bytes_of(encoded)
    is_jpeg = tf.io.is_jpeg(encoded)
    image, exif = tf.cond(
        is_jpeg,
        lambda: (_jpeg(encoded, size, resize), nowhere()),
        lambda: _other(encoded, file, size, resize),
    )
    # A loop within a branch would take longer than to decode a small photo.
    exif = tf.where(is_jpeg, exif_of_jpeg(_after(image, file)), exif)
    return _upright(image, file, exif)


def read_jpeg(encoded: tf.Tensor, size: int, resize: str = SQUASH) -> tf.Tensor:
    """Decode a JPEG as `read_image` does, but leave it as it lies; `upright_jpeg` does the rest.

    What turns it would take as long to be made ready as a hundred photos to be decoded.

    Raises:
        tf.errors.InvalidArgumentError: It is no JPEG, it is damaged, or it has more pixels than any
            photo.
    """
    encoded = _provided(tf.io.is_jpeg(encoded), "not a JPEG", encoded)
    return _jpeg(encoded, size, resize)


def upright_jpeg(image: tf.Tensor, encoded: tf.Tensor) -> tf.Tensor:
    """Turn and mirror the square image of a JPEG as the file says."""
    file = bytes_of(encoded)
    return _upright(image, file, exif_of_jpeg(file))


def _jpeg(encoded: tf.Tensor, size: int, resize: str) -> tf.Tensor:
    """Return a JPEG as a square, reduced as far as it can be while it is decoded."""
    shape = tf.cast(tf.image.extract_jpeg_shape(encoded)[:2], tf.int64)
    encoded = _unless_bomb(encoded, shape[0], shape[1], _MOST_PIXELS_OF_JPEG)
    fitting = tf.reduce_min(shape) >= size * tf.constant(_FRACTIONS, tf.int64)
    squares = [partial(_reduced, encoded, ratio, size, resize) for ratio in (1, *_FRACTIONS)]
    return tf.switch_case(tf.reduce_sum(tf.cast(fitting, tf.int32)), squares)


def _reduced(encoded: tf.Tensor, ratio: int, size: int, resize: str) -> tf.Tensor:
    image = tf.io.decode_jpeg(encoded, channels=3, ratio=ratio)
    return fit(image, size, resize, is_reduced=ratio > 1)


@apart
def _other(
    encoded: tf.Tensor, file: tf.Tensor, size: int, resize: str
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return what is no JPEG as a square, and where its EXIF data start."""
    kinds = ((PNG, _png), (BMP, _bmp), (GIF, _gif))
    image, exif = tf.case(
        [(begins(file, 0, start), partial(read, encoded, file)) for start, read in kinds],
        default=lambda: _webp(encoded, file),
    )
    return fit(image, size, resize), exif


def _png(encoded: tf.Tensor, file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    encoded = _unless_bomb(encoded, number_at(file, 16, "big", 4), number_at(file, 20, "big", 4))
    file = _after(encoded, file)
    # Where there is no opacity, TensorFlow makes one up, which is wrong below 8 bits.
    image = tf.cond(
        has_opacity(file),
        lambda: _over_white(tf.io.decode_png(encoded, channels=4)),
        lambda: tf.io.decode_png(encoded, channels=3),
    )
    return image, exif_of_png(_after(image, file))


def _bmp(encoded: tf.Tensor, file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    high = number_at(file, 22, "little", 4)
    # Below zero, it is told from the top.
    high = tf.minimum(high, 2**32 - high)
    encoded = _unless_bomb(encoded, number_at(file, 18, "little", 4), high)
    # TensorFlow passes over palettes, masks and compression, and returns some other image.
    is_plain = (number_at(file, 30, "little", 4) == 0) & (number_at(file, 28, "little", 2) == 24)
    return _first_frame(_provided(is_plain, "not a plain BMP", encoded), 3), nowhere()


def _gif(encoded: tf.Tensor, file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    sides = number_at(file, 6, "little", 2), number_at(file, 8, "little", 2)
    encoded = _unless_bomb(encoded, *sides)
    # TensorFlow paints them black.
    is_whole = ~has_gaps(_after(encoded, file))
    return _first_frame(_provided(is_whole, "a GIF with gaps", encoded), 3), nowhere()


def _webp(encoded: tf.Tensor, file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a WebP, where this TensorFlow can; of anything else it says that it is no image."""
    webp = webp_of(file)
    encoded = _unless_bomb(encoded, webp.height, webp.width)
    encoded = _provided(~webp.is_moving, "a WebP that moves", encoded)
    image = tf.cond(
        webp.has_opacity,
        lambda: _over_white(_first_frame(encoded, 4)),
        lambda: _first_frame(encoded, 3),
    )
    return image, exif_of_webp(_after(image, file))


def _first_frame(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    # Asked for as many channels as there are, TensorFlow writes beyond its memory where a WebP
    # moves: also by the operations for other formats, and where a graph is merely simplified.
    return tf.io.decode_image(encoded, channels=channels, expand_animations=False)


def _unless_bomb(
    encoded: tf.Tensor, height: tf.Tensor, width: tf.Tensor, most: int = MOST_PIXELS
) -> tf.Tensor:
    """Return the bytes of a file, to be decoded, unless there would be too many pixels."""
    return _provided(height * width <= most, f"more than {most} pixels", encoded)


def _provided(condition: tf.Tensor, otherwise: str, encoded: tf.Tensor) -> tf.Tensor:
    """Return the bytes of a file once a condition is known to hold."""
    with tf.control_dependencies([tf.debugging.Assert(condition, [otherwise])]):
        return tf.identity(encoded)


def _after(first: tf.Tensor, file: tf.Tensor) -> tf.Tensor:
    """Return the bytes of a file once something else is done.

    A loop that is going on where the decoder or a check fails would be cancelled, and tf.data takes
    that for the end of everything, and not for an error of one file.
    """
    with tf.control_dependencies([first]):
        return tf.identity(file)


def _over_white(image: tf.Tensor) -> tf.Tensor:
    """Return an image of colours and opacity, uint8 `[height, width, 4]`, as seen on white."""
    colors, opacity = image[..., :3], image[..., 3:]

    def seen() -> tf.Tensor:
        share = tf.cast(opacity, tf.float32) / 255
        return tf.cast(tf.round(255 + share * (tf.cast(colors, tf.float32) - 255)), tf.uint8)

    return tf.cond(tf.reduce_min(opacity) == 255, lambda: colors, seen)


def _upright(image: tf.Tensor, file: tf.Tensor, exif: tf.Tensor) -> tf.Tensor:
    """Turn and mirror a square image as the EXIF data that start there say, if there are any."""
    return tf.cond(exif > 0, lambda: _turned(image, file, exif), lambda: image)


@apart
def _turned(image: tf.Tensor, file: tf.Tensor, exif: tf.Tensor) -> tf.Tensor:
    orientation = orientation_at(file, exif)
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    for axis, mirrored in ((1, (2, 3, 6, 7)), (0, (3, 4, 7, 8))):
        image = tf.where(tf.reduce_any(orientation == mirrored), tf.reverse(image, [axis]), image)
    return image
