"""Labelled images without end that kerastl draws itself, to train a source model on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerastl.pretraining import Images

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# How many kinds of each family there are, in the order of their labels.
FAMILIES: dict[str, int] = {
    "fractal": 80,
    "figure": 120,
    "rosette": 60,
    "glyph": 50,
    "pack": 70,
    "heap": 60,
    "texture": 60,
}
CLASSES: tuple[str, ...] = tuple(
    f"{family}-{number:03d}" for family, count in FAMILIES.items() for number in range(count)
)


def draw(label: int, seed: int, size: int) -> npt.NDArray[np.uint8]:
    """Draw one image of a class; the same arguments give the same image.

    Args:
        label: Index into `CLASSES`.
        seed: Any number from 0; each is another image.
        size: Height and width in pixels.

    Returns:
        RGB of 0..255, `[size, size, 3]`.
    """
    from kerastl.data.procedural.scene import photographed

    return photographed(label, seed, size)


def draw_batch(first: int, count: int, seed: int, size: int) -> Images:
    """Draw the images of an endless stream from one place on.

    Args:
        first: The place of the first image in the stream.
        count: How many images.
        seed: Decides the stream.
        size: Height and width in pixels.

    Returns:
        Images `[count, size, size, 3]` of 0..255, and labels `[count]`.
    """
    import numpy as np

    labels = [
        int(np.random.default_rng((seed, place)).integers(len(CLASSES)))
        for place in range(first, first + count)
    ]
    places = range(first, first + count)
    images = [
        draw(label, (seed << 40) + place, size) for label, place in zip(labels, places, strict=True)
    ]
    return np.stack(images), np.array(labels, np.int64)
