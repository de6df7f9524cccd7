"""The one reader: from the bytes of a photo file to pixels, in training and in the SavedModel."""

from __future__ import annotations

import tensorflow as tf

from kerastl.data.headers import (
    BMP,
    GIF,
    PNG,
    begins,
    has_gaps,
    has_opacity,
    number_in,
    orientation_of,
    webp_of,
)
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
    image = fit(_decoded(encoded, size), size, resize)
    return _upright(image, orientation_of(encoded))


def fit(image: tf.Tensor, size: int, resize: str = SQUASH) -> tf.Tensor:
    """Make a square of an image.

    Args:
        image: RGB, uint8 `[height, width, 3]`.
        size: Height and width of the result in pixels.
        resize: `"squash"` scales both sides to the size, `"crop"` takes the largest square from
            the middle, `"pad"` adds black to the shorter side.

    Returns:
        Float32 `[size, size, 3]`, whole numbers of 0..255.
    """
    image.set_shape([None, None, 3])
    height, width = tf.unstack(tf.shape(image)[:2])
    shape = tf.constant([size, size])
    if resize == "crop":
        side = tf.minimum(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        image = image[top : top + side, left : left + side]
    elif resize == "pad":
        scale = size / tf.maximum(height, width)
        sides = tf.round(scale * tf.cast([height, width], scale.dtype))
        shape = tf.maximum(tf.cast(sides, tf.int32), 1)
    image = tf.image.resize(image, shape, antialias=True)
    image = tf.clip_by_value(tf.round(image), 0.0, 255.0)
    if resize == "pad":
        top, left = tf.unstack((size - shape) // 2)
        image = tf.image.pad_to_bounding_box(image, top, left, size, size)
    return tf.ensure_shape(image, [size, size, 3])


def _decoded(encoded: tf.Tensor, size: int) -> tf.Tensor:
    """Return the image in its own size, or a JPEG in the least one that is not below `size`."""

    def jpeg() -> tf.Tensor:
        shape = tf.cast(tf.image.extract_jpeg_shape(encoded)[:2], tf.int64)
        _refuse_bombs(shape[0], shape[1], _MOST_PIXELS_OF_JPEG)
        fitting = [tf.reduce_min(shape) >= size * fraction for fraction in _FRACTIONS]
        ratios = [
            lambda ratio=ratio: tf.io.decode_jpeg(encoded, channels=3, ratio=ratio)
            for ratio in (1, *_FRACTIONS)
        ]
        return tf.switch_case(tf.reduce_sum(tf.cast(tf.stack(fitting), tf.int32)), ratios)

    def png() -> tf.Tensor:
        _refuse_bombs(number_in(encoded, 16, "big", 4), number_in(encoded, 20, "big", 4))
        # Where there is none, TensorFlow makes one up, which is wrong below 8 bits.
        return tf.cond(
            has_opacity(encoded),
            lambda: _over_white(tf.io.decode_png(encoded, channels=4)),
            lambda: tf.io.decode_png(encoded, channels=3),
        )

    def bmp() -> tf.Tensor:
        _refuse_bombs(number_in(encoded, 18, "little", 4), abs(number_in(encoded, 22, "little", 4)))
        # TensorFlow passes over palettes, masks and compression, and returns some other image.
        plain = number_in(encoded, 30, "little", 4) == 0
        colors = number_in(encoded, 28, "little", 2) >= 24
        with tf.control_dependencies([tf.debugging.Assert(plain & colors, ["not a plain BMP"])]):
            return tf.io.decode_bmp(encoded)[..., :3]

    def gif() -> tf.Tensor:
        _refuse_bombs(number_in(encoded, 6, "little", 2), number_in(encoded, 8, "little", 2))
        # TensorFlow paints them black.
        whole = tf.debugging.Assert(~has_gaps(encoded), ["a GIF with gaps"])
        with tf.control_dependencies([whole]):
            return _first_frame(encoded, 3)

    def other() -> tf.Tensor:
        # A WebP, where this TensorFlow has it. Asked for as many channels as there are, it writes
        # beyond its memory where the image moves.
        webp = webp_of(encoded)
        _refuse_bombs(webp.height, webp.width)
        still = tf.debugging.Assert(~webp.is_moving, ["a WebP that moves"])
        with tf.control_dependencies([still]):
            return tf.cond(
                webp.has_opacity,
                lambda: _over_white(_first_frame(encoded, 4)),
                lambda: _first_frame(encoded, 3),
            )

    kinds = [
        (begins(encoded, 0, start), read) for start, read in ((PNG, png), (BMP, bmp), (GIF, gif))
    ]
    return tf.case([(tf.io.is_jpeg(encoded), jpeg), *kinds], default=other, exclusive=True)


def _first_frame(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    return tf.io.decode_image(encoded, channels=channels, expand_animations=False)


def _refuse_bombs(height: tf.Tensor, width: tf.Tensor, most: int = MOST_PIXELS) -> None:
    tf.debugging.assert_less_equal(
        height * width, tf.constant(most, tf.int64), f"more than {most} pixels"
    )


def _over_white(image: tf.Tensor) -> tf.Tensor:
    """Return an image of colours and opacity, uint8 `[height, width, 4]`, as seen on white."""
    colors, opacity = image[..., :3], image[..., 3:]

    def seen() -> tf.Tensor:
        share = tf.cast(opacity, tf.float32) / 255
        return tf.cast(tf.round(255 + share * (tf.cast(colors, tf.float32) - 255)), tf.uint8)

    return tf.cond(tf.reduce_min(opacity) == 255, lambda: colors, seen)


def _upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn and mirror a square image as its orientation (EXIF 2.3, tag 274) says."""

    def turned() -> tf.Tensor:
        swapped = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
        for axis, mirrored in ((1, (2, 3, 6, 7)), (0, (3, 4, 7, 8))):
            backwards = tf.reverse(swapped, [axis])
            swapped = tf.where(tf.reduce_any(orientation == mirrored), backwards, swapped)
        return swapped

    return tf.cond(orientation == 1, lambda: image, turned)
