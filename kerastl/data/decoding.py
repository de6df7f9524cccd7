"""Photo files -> squares of pixels, some at a time; or why a file is no photo."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.data.conversion import as_pixels, complaint
from kerastl.data.pipeline import read_ahead
from kerastl.data.reader import fit, read_image, read_jpeg
from kerastl.labelled import Split

# Photos that are decoded before they are handed on.
AT_ONCE = 16
# Traced once a size; of what is written in TensorFlow's operations autograph has nothing to do.
_read_jpeg, _read_image = (
    tf.function(read, autograph=False, reduce_retracing=True) for read in (read_jpeg, read_image)
)


@attrs.frozen(eq=False)
class Decoded:
    """Some photos of a split.

    Args:
        numbers: Which they are, int64 `[photos]`.
        files: The bytes of each.
        images: RGB, uint8 `[photos, size, size, 3]`; nothing of use where there is a reason.
        reasons: Why a file is no photo; empty where it is one.
    """

    numbers: npt.NDArray[np.int64]
    files: list[bytes] = attrs.field(repr=False)
    images: npt.NDArray[np.uint8] = attrs.field(repr=False)
    reasons: list[str]


def decode(
    split: Split, numbers: npt.NDArray[np.int64], size: int, resize: str
) -> Iterator[Decoded]:
    """Yield the photos of these numbers, each once, in no particular order.

    What TensorFlow cannot decode but Pillow can (TIFF, HEIF, ...) is converted.

    Args:
        split: The photos, as files.
        numbers: Which of them.
        size: Height and width in pixels.
        resize: How photos become squares, as in a recipe.
    """
    left = np.zeros(len(split), bool)
    left[numbers] = True
    # Each reader takes what those before it, which are faster, have left.
    for read in (_read_jpeg, _read_image):
        for some in _by_tensorflow(split, np.flatnonzero(left), read, size, resize):
            left[some.numbers] = False
            yield some
    yield from _by_pillow(split, np.flatnonzero(left), size, resize)


def _by_tensorflow(
    split: Split, numbers: npt.NDArray[np.int64], read: Any, size: int, resize: str
) -> Iterator[Decoded]:
    """Yield the photos that one of TensorFlow's readers can decode."""
    if not len(numbers):
        return

    @tf.autograph.experimental.do_not_convert
    def decoded(number: tf.Tensor, encoded: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return number, encoded, tf.cast(read(encoded, size, resize), tf.uint8)

    images = _files(split, numbers).map(
        decoded, num_parallel_calls=tf.data.AUTOTUNE, deterministic=False
    )
    for some, files, found in read_ahead(images.ignore_errors().batch(AT_ONCE)).as_numpy_iterator():
        encoded = files.tolist()
        sound = np.array([not complaint(file) for file in encoded])
        if sound.any():
            chosen = [file for file, is_sound in zip(encoded, sound, strict=True) if is_sound]
            yield Decoded(some[sound], chosen, found[sound], [""] * len(chosen))


def _by_pillow(
    split: Split, numbers: npt.NDArray[np.int64], size: int, resize: str
) -> Iterator[Decoded]:
    """Yield the photos that Pillow can decode, and the files that nobody can."""
    unreadable = set(numbers.tolist())
    files = read_ahead(_files(split, numbers).ignore_errors()) if unreadable else None
    for number, encoded in files.as_numpy_iterator() if files else ():
        unreadable.remove(number)
        image, reason = np.zeros((size, size, 3), np.uint8), ""
        try:
            image = fit(tf.constant(as_pixels(encoded)), size, resize).numpy().astype(np.uint8)
        except ValueError as error:
            reason = str(error)
        yield Decoded(np.array([number]), [encoded], image[np.newaxis], [reason])
    for number in sorted(unreadable):
        nothing = np.zeros((1, size, size, 3), np.uint8)
        yield Decoded(np.array([number]), [b""], nothing, ["the file cannot be read"])


def _files(split: Split, numbers: npt.NDArray[np.int64]) -> tf.data.Dataset:
    """Return number and bytes of the photo files of these numbers."""
    files = split.encoded(numbers.tolist())
    return tf.data.Dataset.zip((tf.data.Dataset.from_tensor_slices(numbers), files))
