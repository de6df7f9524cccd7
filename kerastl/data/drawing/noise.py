"""Smooth random fields: the raw material of grain, creases, marble and uneven light."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

Field = npt.NDArray[np.float32]


def resize(field: Field, shape: tuple[int, int]) -> Field:
    """Stretch a field to `shape` (rows, columns) with bicubic interpolation."""
    stretched = Image.fromarray(field).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(stretched)


def smooth(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> Field:
    """Return noise of about unit deviation whose bumps number `cells` (down, across)."""
    coarse = rng.standard_normal((max(2, cells[0]), max(2, cells[1])), dtype=np.float32)
    return resize(coarse, shape)


def cloudy(rng: np.random.Generator, shape: tuple[int, int], cells: int, octaves: int) -> Field:
    """Return noise with detail at several scales, each half as strong as the one before."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        count = cells * 2**octave
        total += smooth(rng, shape, (count, count)) * np.float32(0.5**octave)
    return total
