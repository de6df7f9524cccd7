"""Loose sugar-coated sweets: round shells with an "s" (Skittles), flat lentils (Smarties)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image

from kerastl.data.drawing.lettering import Colour, Style, word
from kerastl.data.drawing.light import Light

CELL = 60  # pixels of a sweet's drawing, its shadow included
TURNS = 12  # the light's direction and the letter's turn are rounded to this many


class Sweet(NamedTuple):
    """A kind of loose sweet: its looks, and how wide it is in centimetres."""

    colours: tuple[Colour, ...]
    width: float
    dome: float
    gloss: float
    letter: str


SKITTLE = Sweet(
    ((206, 22, 34), (240, 106, 18), (246, 206, 30), (52, 150, 40), (92, 30, 98)),
    1.3,
    0.85,
    0.8,
    "s",
)
SMARTIE = Sweet(
    (
        (214, 36, 36),
        (238, 118, 34),
        (244, 208, 60),
        (70, 160, 62),
        (40, 116, 200),
        (234, 130, 170),
        (112, 70, 46),
        (146, 92, 166),
    ),
    1.6,
    0.34,
    0.4,
    "",
)

_RADIUS = 0.62  # of the sweet within its cell, whose half width is 1


def _dome(sweet: Sweet, light: Light) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return shade, shine and cover of the sweet seen from above."""
    y, x = np.mgrid[-1 : 1 : CELL * 1j, -1 : 1 : CELL * 1j] / _RADIUS
    distance = np.hypot(x, y)
    steep = sweet.dome * distance / np.sqrt(np.maximum(0.06, 1.02 - distance**2))
    upright = 1 / np.sqrt(1 + steep**2)
    scale = steep * upright / np.maximum(distance, 1e-6)
    lx, ly, lz = light.towards(0)
    facing = np.maximum(0, upright * lz + scale * (x * lx + y * ly))
    shade = light.ambient * (0.7 + 0.3 * upright) + (1 - light.ambient) * facing / lz
    half = np.sqrt(lx * lx + ly * ly + (lz + 1) ** 2)
    mirror = np.maximum(0, (upright * (lz + 1) + scale * (x * lx + y * ly)) / half)
    cover = np.clip((1 - distance) * CELL * _RADIUS / 2 + 0.5, 0, 1)
    return shade, mirror**60 * sweet.gloss, cover


@lru_cache(maxsize=512)
def _shell(sweet: Sweet, colour: Colour, light: Light) -> Image.Image:
    """Draw one sweet with the soft shadow that it casts; the last band is what they cover."""
    shade, shine, cover = _dome(sweet, light)
    body = np.array(colour) * shade[..., None] + 255 * shine[..., None]
    y, x = np.mgrid[-1 : 1 : CELL * 1j, -1 : 1 : CELL * 1j]
    lx, ly, _ = light.towards(0)
    away = np.hypot(x + 0.2 * lx, y + 0.2 * ly)
    shadow = 0.62 * np.clip((0.86 - away) / 0.3, 0, 1)
    alpha = cover + shadow * (1 - cover)
    colours = body * (cover / np.maximum(alpha, 1e-6))[..., None]
    pixels = np.dstack([np.clip(colours, 0, 255), alpha * 255])
    bands = pixels.astype(np.uint8).transpose(2, 0, 1)
    return Image.merge("RGBX", [Image.fromarray(band) for band in bands])


@lru_cache(maxsize=64)
def _letter(letter: str, turn: int) -> Image.Image:
    """Return the mask of the printed letter, turned, as large as a sweet's cell."""
    mask = word(letter, Style(((255, 255, 255),), weight=0.02)).getchannel("A")
    small = mask.resize((round(CELL * 0.24), round(CELL * 0.3)), Image.Resampling.BILINEAR)
    cell = Image.new("L", (CELL, CELL))
    cell.paste(small, ((CELL - small.width) // 2, (CELL - small.height) // 2))
    return cell.rotate(turn * 360 / TURNS, Image.Resampling.BILINEAR)


def rounded_light(light: Light) -> Light:
    """Return the light as sweets know it: few enough directions for their drawings to be kept."""
    step = 2 * np.pi / TURNS
    return Light(round(light.azimuth / step) % TURNS * step, 0.9, 0.4)


def sweet_image(
    rng: np.random.Generator, sweet: Sweet, colour: Colour, light: Light
) -> Image.Image:
    """Return one sweet as it happened to fall, `CELL` pixels square with its shadow."""
    image = _shell(sweet, colour, light)
    if sweet.letter and rng.random() < 0.8:
        image = image.copy()
        mask = _letter(sweet.letter, int(rng.integers(TURNS)))
        right, down = (int(shift) for shift in rng.integers(-6, 7, 2))
        image.paste((250, 248, 244, 255), (right, down), mask)
    return image


def cell_width(sweet: Sweet) -> float:
    """Return the width in centimetres of what `sweet_image` draws."""
    return sweet.width / _RADIUS
