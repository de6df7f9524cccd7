"""Surfaces: patterns of all scales, in the colours of a palette."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from kerastl.data.drawing.lettering import Colour
from kerastl.data.drawing.noise import Field, cloudy, smooth

Level = npt.NDArray[np.floating[Any]]


def surface(
    design: np.random.Generator, chance: np.random.Generator, colours: tuple[Colour, ...], side: int
) -> Image.Image:
    """Draw a square of a patterned surface, RGB.

    Args:
        design: Decides the pattern and its measures: what two pieces of one surface share.
        chance: Decides what differs between them.
        colours: What the pattern is coloured with.
        side: Pixels each way.
    """
    pattern = _PATTERNS[int(design.integers(len(_PATTERNS)))]
    measure, twist = float(design.random()), float(design.random())
    edges, warp = float(design.uniform(0, 1)), float(design.choice((0, 0, 0.3, 1)))
    x, y = _plane(chance, side, warp)
    level = pattern(chance, x, y, measure, twist)
    return _dyed(level % 1, colours, hard=edges < 0.5)


def _plane(chance: np.random.Generator, side: int, warp: float) -> tuple[Field, Field]:
    """Return the coordinates (-1..1) of each pixel, bent by slow noise."""
    steps = np.linspace(-1, 1, side, dtype=np.float32)
    x, y = np.meshgrid(steps, steps)
    if warp:
        x = x + 0.25 * warp * smooth(chance, x.shape, (4, 4))
        y = y + 0.25 * warp * smooth(chance, x.shape, (4, 4))
    return x.astype(np.float32), y.astype(np.float32)


def _dyed(level: Level, colours: tuple[Colour, ...], hard: bool) -> Image.Image:
    """Turn levels (0..1) into colours: in steps, or one flowing into the next and back."""
    count = len(colours)
    if hard:
        ramp = np.repeat(np.array(colours), 256 // count + 1, axis=0)[:256]
    else:
        stops = np.linspace(0, 255, count + 1)
        circle = np.array([*colours, colours[0]], float)
        ramp = np.stack([np.interp(np.arange(256), stops, band) for band in circle.T], axis=1)
    indices = np.clip(level * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(ramp.astype(np.uint8)[indices])


def _stripes(chance: np.random.Generator, x: Field, y: Field, m: float, t: float) -> Level:
    return (x * np.cos(np.pi * t) + y * np.sin(np.pi * t)) * (1 + 9 * m) + chance.random()


def _rings(chance: np.random.Generator, x: Field, y: Field, m: float, t: float) -> Level:
    middle = chance.normal(0, 0.1, 2)
    return np.hypot(x - middle[0], (y - middle[1]) * (0.6 + 0.8 * t)) * (1 + 6 * m)


def _spokes(chance: np.random.Generator, x: Field, y: Field, m: float, t: float) -> Level:
    radius = np.hypot(x, y)
    return np.arctan2(y, x) / (2 * np.pi) * round(3 + 15 * m) + 4 * (t - 0.5) * radius


def _checks(chance: np.random.Generator, x: Field, y: Field, m: float, t: float) -> Level:
    period = 1.5 + 6 * m
    turned = _turned(x, y, np.pi * t)
    steps = np.floor(turned[0] * period) + np.floor(turned[1] * period)
    return (steps % 2) * np.float32(0.5) + np.float32(0.25)


def _dots(chance: np.random.Generator, x: Field, y: Field, m: float, t: float) -> Level:
    period, (u, v) = 2 + 7 * m, _turned(x, y, np.pi * t)
    column = np.floor(u * period)
    shifted = v * period + 0.5 * (column % 2)
    return np.clip(1.6 * np.hypot(u * period % 1 - 0.5, shifted % 1 - 0.5), 0, 0.99)


def _clouds(chance: np.random.Generator, x: Field, y: Field, m: float, t: float) -> Level:
    return 0.5 + 0.25 * cloudy(chance, x.shape, 2 + int(10 * m), 1 + int(4 * t))


def _veins(chance: np.random.Generator, x: Field, y: Field, m: float, t: float) -> Level:
    noise = cloudy(chance, x.shape, 2 + int(6 * m), 4)
    return np.exp(-np.abs(noise) * (3 + 12 * t)) * 0.99


def _grain(chance: np.random.Generator, x: Field, y: Field, m: float, t: float) -> Level:
    rows, columns = (4 + int(60 * m), 2 + int(6 * t))
    cells = (rows, columns) if t > 0.5 else (columns, rows)
    noise = smooth(chance, x.shape, cells)
    return 0.5 + 0.28 * noise


def _cells(chance: np.random.Generator, x: Field, y: Field, m: float, t: float) -> Level:
    """Draw what a honeycomb looks like whose cells are of all sizes (Worley, 1996)."""
    across = 3 + int(6 * m)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, across)] * 2), axis=-1).reshape(-1, 2)
    seeds = grid + chance.normal(0, (0.2 + 0.8 * t) / across, grid.shape)
    distance = [np.hypot(x - a, y - b).astype(np.float32) for a, b in seeds.tolist()]
    near = np.partition(np.stack(distance), 1, axis=0)[:2]
    return np.clip((near[1] - near[0]) * across * 0.7, 0, 0.99)


def _woven(chance: np.random.Generator, x: Field, y: Field, m: float, t: float) -> Level:
    period, (u, v) = 10 + 25 * m, _turned(x, y, np.pi * t)
    return 0.5 + 0.24 * (np.sin(u * period) + np.sin(v * period))


def _hairs(chance: np.random.Generator, x: Field, y: Field, m: float, t: float) -> Level:
    """Draw fur, grass or brushed paint: noise drawn out along one direction."""
    u, v = _turned(x, y, np.pi * t)
    noise = smooth(chance, (96, 96), (48, 3 + int(8 * m)))
    rows = ((u + 1.5) / 3 * 95).clip(0, 95).astype(int)
    columns = ((v + 1.5) / 3 * 95).clip(0, 95).astype(int)
    return 0.5 + 0.28 * noise[rows, columns]


def _plain(chance: np.random.Generator, x: Field, y: Field, m: float, t: float) -> Level:
    return 0.1 + 0.25 * m * (1 + x * np.cos(6 * t) + y * np.sin(6 * t)) / 2


def _scales(chance: np.random.Generator, x: Field, y: Field, m: float, t: float) -> Level:
    period = 2.5 + 5 * m
    row = np.floor(y * period)
    u, v = (x * period + 0.5 * (row % 2)) % 1 - 0.5, y * period % 1
    return np.clip(np.hypot(u, v) * (0.7 + 0.5 * t), 0, 0.99)


_PATTERNS = (
    _stripes,
    _rings,
    _spokes,
    _checks,
    _dots,
    _clouds,
    _veins,
    _grain,
    _cells,
    _woven,
    _hairs,
    _plain,
    _plain,
    _scales,
)


def _turned(x: Field, y: Field, angle: float) -> tuple[Field, Field]:
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return c * x - s * y, s * x + c * y
