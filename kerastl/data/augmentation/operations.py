"""Operations on a photo, each by some amount: what the policies of augmentation draw from.

They are Pillow's, as in the papers. On a processor those of Keras's layers take twice its time, and
its Equalization counts the pixels of a whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageOps

# Takes a photo and an amount, which for an operation that has none is 0.
Operation = Callable[[Image.Image, float], Image.Image]

# What is seen where a photo has moved away.
_GREY = (128, 128, 128)


def part_of(photo: Image.Image, box: npt.NDArray[np.float32]) -> Image.Image:
    """Return a part of a photo, in the photo's size.

    Args:
        photo: RGB, of 0..255.
        box: Top, left, bottom and right edges as shares of the sides. Where the right one is left
            of the left one, the part is mirrored.
    """
    top, left, bottom, right = np.clip(box, 0, 1).tolist()
    start, stop = min(left, right), max(left, right)
    width, height = photo.size
    pixels = (start * width, top * height, stop * width, bottom * height)
    part = photo.resize(photo.size, Image.Resampling.BILINEAR, box=pixels)
    return part if left < right else part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _shear_x(photo: Image.Image, amount: float) -> Image.Image:
    return _affine(photo, (1, amount, 0, 0, 1, 0))


def _shear_y(photo: Image.Image, amount: float) -> Image.Image:
    return _affine(photo, (1, 0, 0, amount, 1, 0))


def _translate_x(photo: Image.Image, amount: float) -> Image.Image:
    return _shifted(photo, round(amount * photo.width), 0)


def _translate_y(photo: Image.Image, amount: float) -> Image.Image:
    return _shifted(photo, 0, round(amount * photo.height))


def _affine(
    photo: Image.Image,
    matrix: tuple[float, ...],
    sampling: Image.Resampling = Image.Resampling.BILINEAR,
) -> Image.Image:
    """Fetch each pixel from where the matrix says that it was."""
    return photo.transform(photo.size, Image.Transform.AFFINE, matrix, sampling, fillcolor=_GREY)


def _shifted(photo: Image.Image, right: int, down: int) -> Image.Image:
    # Nothing lies between whole pixels, and without looking there it takes a tenth of the time.
    return _affine(photo, (1, 0, right, 0, 1, down), Image.Resampling.NEAREST)


def _rotate(photo: Image.Image, amount: float) -> Image.Image:
    return photo.rotate(amount, Image.Resampling.BILINEAR, fillcolor=_GREY)


def _enhance(enhancement: Callable[[Image.Image], ImageEnhance._Enhance]) -> Operation:
    def enhanced(photo: Image.Image, amount: float) -> Image.Image:
        return enhancement(photo).enhance(1 + amount)

    return enhanced


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "identity": lambda photo, _: photo,
        "autocontrast": lambda photo, _: ImageOps.autocontrast(photo),
        "equalize": lambda photo, _: ImageOps.equalize(photo),
        # By so many of the 8 bits.
        "posterize": lambda photo, amount: ImageOps.posterize(photo, 8 - round(amount)),
        # By the share of the values, the brightest, that become their opposites.
        "solarize": lambda photo, amount: ImageOps.solarize(photo, 256 - round(256 * amount)),
        # By so much more than there is, or less.
        "brightness": _enhance(ImageEnhance.Brightness),
        "color": _enhance(ImageEnhance.Color),
        "contrast": _enhance(ImageEnhance.Contrast),
        "sharpness": _enhance(ImageEnhance.Sharpness),
        # In degrees.
        "rotate": _rotate,
        # By a share of the other side.
        "shear_x": _shear_x,
        "shear_y": _shear_y,
        # By a share of the side.
        "translate_x": _translate_x,
        "translate_y": _translate_y,
    }
)
# Those that go either way.
SIGNED = frozenset(OPERATIONS) - {"identity", "autocontrast", "equalize", "posterize", "solarize"}
