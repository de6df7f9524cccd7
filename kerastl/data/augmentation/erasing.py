"""Photos -> photos with a hole in some of them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

_AREAS = (0.02, 0.4)
_ASPECTS = (0.3, 1 / 0.3)


def erased(
    images: npt.NDArray[np.float32], randoms: Iterable[np.random.Generator], probability: float
) -> npt.NDArray[np.float32]:
    """Return photos, in some of which a rectangle is filled with noise (Zhong et al., 2020).

    Args:
        images: Photos of 0..255, `[batch, height, width, 3]`.
        randoms: The source of what is left to chance, one for each photo.
        probability: How probable a rectangle is for each of them, 0..1.
    """
    # What TensorFlow has computed may not be written to.
    images = images.copy()
    for image, random in zip(images, randoms, strict=True):
        if random.random() < probability:
            hole = image[_rectangle(image.shape[:2], random)]
            hole[:] = random.integers(0, 256, hole.shape)
    return images


def _rectangle(shape: tuple[int, ...], random: np.random.Generator) -> tuple[slice, slice]:
    """Draw the rows and columns of a rectangle that lies within."""
    area, aspect = random.uniform(*_AREAS), random.uniform(*_ASPECTS)
    shares = math.sqrt(area * aspect), math.sqrt(area / aspect)
    rows, columns = (
        _stretch(length, min(length, round(share * length)), random)
        for length, share in zip(shape, shares, strict=True)
    )
    return rows, columns


def _stretch(length: int, part: int, random: np.random.Generator) -> slice:
    start = int(random.integers(length - part + 1))
    return slice(start, start + part)
