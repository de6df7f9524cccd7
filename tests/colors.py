"""Draws small photos of one colour each: classes that are easy to tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

COLORS = {"blue": (30, 60, 200), "green": (40, 190, 60), "red": (200, 40, 50)}


def photo(color: tuple[int, int, int], seed: int, size: tuple[int, int] = (40, 48)) -> Image.Image:
    """Draw a noisy photo of one colour; size is (height, width)."""
    random = np.random.default_rng(seed)
    pixels = np.asarray(color) + random.normal(0, 25, (*size, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def fill(folder: Path, count: int, classes: dict[str, tuple[int, int, int]] = COLORS) -> Path:
    """Fill a folder with class folders of JPEG photos."""
    for name, color in classes.items():
        (folder / name).mkdir(parents=True)
        for seed in range(count):
            photo(color, seed).save(folder / name / f"{name}_{seed:02}.jpg", quality=90)
    return folder
