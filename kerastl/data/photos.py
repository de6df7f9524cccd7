"""Reads the photos of a split: each file is decoded once, and a bad one is named, not fatal."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.data.reader import read_image
from kerastl.live import progress
from kerastl.recipe import Split

if TYPE_CHECKING:
    from PIL import Image


@attrs.frozen
class Skipped:
    """A file that is no usable photo, and why."""

    name: str
    reason: str


@attrs.frozen(eq=False)
class Photos:
    """Photos in memory, all of one size.

    Args:
        images: RGB, uint8 `[photos, height, width, 3]`.
        labels: Indices into the classes, int64 `[photos]`.
        names: Where each photo came from.
        skipped: The files of the split that are not among them.
    """

    images: npt.NDArray[np.uint8] = attrs.field(repr=False)
    labels: npt.NDArray[np.int64] = attrs.field(repr=False)
    names: tuple[str, ...] = attrs.field(repr=False)
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.labels)


def read_photos(split: Split, image_size: int, description: str = "reading") -> Photos:
    """Decode every photo of the split to a square of the given size.

    What TensorFlow cannot decode but Pillow can (TIFF, CMYK, WebP, ...) is converted on the way.

    Args:
        split: The photos, as files.
        image_size: Height and width in pixels.
        description: What the progress bar says.
    """
    images = np.empty((len(split), image_size, image_size, 3), np.uint8)
    read = np.zeros(len(split), bool)
    with progress(description, len(split)) as done:
        for number, image in _decoded(split, image_size):
            images[number], read[number] = image, True
            done(1)
    skipped = {}
    for number, encoded in _encoded(split, np.flatnonzero(~read)):
        try:
            if encoded is None:
                raise OSError("the file cannot be read")
            images[number] = read_image(_as_png(encoded), image_size)
            read[number] = True
        except (OSError, ValueError, SyntaxError, tf.errors.InvalidArgumentError) as error:
            skipped[number] = Skipped(split.names[number], _reason(error))
    kept = np.flatnonzero(read)
    return Photos(
        images if read.all() else images[kept],
        np.asarray(split.labels, np.int64)[kept],
        tuple(split.names[number] for number in kept),
        tuple(skipped.values()),
    )


def _decoded(split: Split, image_size: int) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Yield number and image of each photo that TensorFlow can decode."""
    numbered = split.encoded().enumerate()
    images = numbered.map(
        lambda number, encoded: (number, read_image(encoded, image_size)),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=False,
    )
    yield from images.ignore_errors().prefetch(tf.data.AUTOTUNE).as_numpy_iterator()


def _encoded(split: Split, numbers: npt.NDArray[np.int64]) -> Iterator[tuple[int, bytes | None]]:
    """Yield the bytes of the photos of these numbers; none for a file that cannot be read."""
    if not len(numbers):
        return
    wanted = np.zeros(len(split), bool)
    wanted[numbers] = True
    mask = tf.constant(wanted)
    chosen = split.encoded().enumerate().filter(lambda number, _: mask[number]).ignore_errors()
    found = {int(number): encoded for number, encoded in chosen.as_numpy_iterator()}
    for number in numbers.tolist():
        yield number, found.get(number)


def _as_png(encoded: bytes) -> bytes:
    """Return what Pillow makes of the file, in a format that TensorFlow decodes."""
    from PIL import Image

    png = io.BytesIO()
    try:
        with warnings.catch_warnings():
            # Of an image that is too large by less than half Pillow merely warns.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(encoded))
        with image:
            _in_8_bits(image).convert("RGB").save(png, "PNG", compress_level=0)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(str(error)) from error
    return png.getvalue()


def _in_8_bits(image: Image.Image) -> Image.Image:
    """Return an image of 16 bits scaled to 8; Pillow would cut all above 255 off."""
    from PIL import Image

    if image.mode == "F":
        raise ValueError("an image of floating-point values, of which 0 and 255 are not known")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.float32)
    scale = 257 if values.max(initial=0) > 255 else 1
    return Image.fromarray((values / scale).round().clip(0, 255).astype(np.uint8))


def _reason(error: Exception) -> str:
    if type(error).__name__ == "UnidentifiedImageError":
        return "not an image"
    return str(error).partition("\n")[0]
