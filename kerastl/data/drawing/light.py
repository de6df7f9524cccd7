"""The light of a scene, and what it does to the relief of a piece."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops

from kerastl.data.drawing.noise import Field, smooth
from kerastl.data.drawing.pieces import COARSE, Piece

PATTERNS = 16  # sheets of creases
CREASED = (160, 240)  # rows and columns of each; no pack is larger


class Light(NamedTuple):
    """One lamp or window: where it stands (radians), and how much light comes from all round."""

    azimuth: float
    elevation: float
    ambient: float

    def towards(self, turned: float) -> tuple[float, float, float]:
        """Return the unit vector to the light for a thing turned by an angle (radians)."""
        flat, around = math.cos(self.elevation), self.azimuth - turned
        return flat * math.cos(around), flat * math.sin(around), math.sin(self.elevation)


def any_light(rng: np.random.Generator) -> Light:
    """Draw a light: hard or soft, high or low, from any side."""
    return Light(
        azimuth=float(rng.uniform(0, 2 * np.pi)),
        elevation=float(rng.uniform(0.55, 1.25)),
        ambient=float(rng.uniform(0.25, 0.6)),
    )


@lru_cache(maxsize=PATTERNS)
def _creased(pattern: int) -> Field:
    """Return a large sheet with dents and sharp creases, in centimetres for an amount of 1."""
    rng = np.random.default_rng((pattern, 92))
    cells = (CREASED[0] // 22, CREASED[1] // 22)
    dents = smooth(rng, CREASED, cells) + np.abs(smooth(rng, CREASED, cells)) * np.float32(1.4)
    y, x = (axis.astype(np.float32) for axis in np.indices(CREASED))
    for _ in range(int(rng.integers(4, 10))):
        angle = float(rng.uniform(0, np.pi))
        across = math.cos(angle) * (x - float(rng.uniform(0, CREASED[1])))
        distance = np.abs(across + math.sin(angle) * (y - float(rng.uniform(0, CREASED[0]))))
        dents += np.maximum(0, 0.7 - distance * (0.7 / float(rng.uniform(3, 9))))
    return (dents * 0.1).astype(np.float32)


def crumpled(rng: np.random.Generator, shape: tuple[int, int], amount: float) -> Field:
    """Return the heights (centimetres) of a wrapper's dents and creases, cut from a large sheet."""
    sheet = _creased(int(rng.integers(PATTERNS)))
    top, left = (int(rng.integers(CREASED[axis] - shape[axis] + 1)) for axis in (0, 1))
    return sheet[top : top + shape[0], left : left + shape[1]] * np.float32(amount)


def _slopes(height: Field) -> tuple[Field, Field]:
    """Return how steeply the height rises to the right and downwards."""
    across, down = np.empty_like(height), np.empty_like(height)
    np.subtract(height[:, 1:], height[:, :-1], out=across[:, :-1])
    np.subtract(height[1:], height[:-1], out=down[:-1])
    across[:, -1], down[-1] = across[:, -2], down[-2]
    across *= COARSE
    down *= COARSE
    return across, down


def _shaded(light: Light, turned: float, height: Field) -> tuple[Field, Field]:
    """Return shade (1 where the relief lies flat) and mirrored light (0..1) of a relief."""
    across, down = _slopes(height)
    x, y, z = light.towards(turned)
    upright: Field = np.reciprocal(np.sqrt(1 + across * across + down * down))
    tilted = across * x + down * y
    shade = light.ambient + (1 - light.ambient) / z * np.maximum(0, (z - tilted) * upright)
    half = math.sqrt(x * x + y * y + (z + 1) * (z + 1))
    mirror = np.maximum(0, (z + 1 - tilted) * upright) / half
    for _ in range(5):  # to the 32nd power
        mirror *= mirror
    return shade.astype(np.float32, copy=False), mirror.astype(np.float32, copy=False)


def _layer(field: Field, size: tuple[int, int], cover: int) -> Image.Image:
    """Return a field of 0..255 as a grey image of the size, its last band `cover`."""
    small = Image.fromarray(np.minimum(field, 255).astype(np.uint8))
    grey = small.resize(size, Image.Resampling.BILINEAR)
    return Image.merge("RGBX", (grey, grey, grey, Image.new("L", size, cover)))


def relit(
    piece: Piece, light: Light, turned: float, dents: Field | None, halved: bool
) -> Image.Image:
    """Return the piece's colours as the light shows them (Phong shading of its relief).

    Args:
        piece: what is lit.
        light: the light of the scene.
        turned: how far the piece is turned on the ground, in radians.
        dents: heights to add to the piece's own, in centimetres.
        halved: whether half the resolution is enough.
    """
    height = piece.height if dents is None else piece.height + dents
    shade, mirror = _shaded(light, turned, height)
    colours = piece.colours.reduce(2) if halved else piece.colours
    half = ImageChops.multiply(colours, _layer(shade * 127.5, colours.size, 128))
    shine = _layer(mirror * (255 * piece.gloss), colours.size, 0)
    return ImageChops.add(ImageChops.add(half, half), shine)
