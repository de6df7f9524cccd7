"""Outlines of things: polygons, stars, petals, gears, blobs, packs, rings, crescents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

_TURN = np.linspace(0, 2 * np.pi, 180, endpoint=False)


def outline(design: np.random.Generator, chance: np.random.Generator) -> Points:
    """Return the corners `[n, 2]` (-1..1) of a closed outline.

    Args:
        design: Decides which: what two things of one kind share.
        chance: Decides how one thing differs a little from the next of its kind.
    """
    draw = _OUTLINES[int(design.integers(len(_OUTLINES)))]
    corners = draw(design)
    aspect = float(design.uniform(0.45, 1)) if design.random() < 0.4 else 1.0
    wobble = 1 + 0.04 * np.sin(2 * np.arctan2(corners[:, 1], corners[:, 0]) + chance.uniform(0, 6))
    stretched = corners * wobble[:, None] * (1, aspect * chance.normal(1, 0.05))
    fitted: Points = stretched / np.abs(stretched).max()
    return fitted


def petals(design: np.random.Generator, count: int) -> Points:
    """Return the outline of a blossom with so many petals."""
    depth, sharp = design.uniform(0.25, 0.75), design.uniform(0.4, 1.6)
    wave = np.abs(np.cos(count * _TURN / 2)) ** sharp
    return _polar(1 - depth + depth * wave)


def _polar(radius: npt.NDArray[np.floating[Any]]) -> Points:
    return np.stack([radius * np.cos(_TURN), radius * np.sin(_TURN)], axis=1)


def _polygon(design: np.random.Generator) -> Points:
    count = int(design.integers(3, 9))
    folded = _TURN % (2 * np.pi / count) - np.pi / count
    return _polar(np.cos(np.pi / count) / np.cos(folded))


def _star(design: np.random.Generator) -> Points:
    count, inner = int(design.integers(3, 13)), design.uniform(0.3, 0.75)
    folded = np.abs(_TURN % (2 * np.pi / count) / (np.pi / count) - 1)
    return _polar(inner + (1 - inner) * folded)


def _blossom(design: np.random.Generator) -> Points:
    return petals(design, int(design.integers(3, 16)))


def _gear(design: np.random.Generator) -> Points:
    count, depth = int(design.integers(5, 18)), design.uniform(0.1, 0.35)
    return _polar(1 - depth * (np.sin(count * _TURN) > design.uniform(-0.4, 0.4)))


def _blob(design: np.random.Generator) -> Points:
    radius = np.ones_like(_TURN)
    for wave in range(2, 8):
        radius += design.normal(0, 0.45 / wave) * np.cos(wave * _TURN + design.uniform(0, 6))
    return _polar(np.clip(radius, 0.25, 2))


def _superformula(design: np.random.Generator) -> Points:
    """Return a shape of plants and crystals (Gielis, 2003)."""
    count = int(design.integers(2, 12))
    powers = design.uniform(0.4, 4, 3)
    angle = count * _TURN / 4
    total = np.abs(np.cos(angle)) ** powers[1] + np.abs(np.sin(angle)) ** powers[2]
    return _polar(np.clip(np.maximum(total, 1e-3) ** (-1 / powers[0]), 0.1, 8))


def _rounded_box(design: np.random.Generator) -> Points:
    power, narrow = design.uniform(2.5, 12), design.uniform(0.3, 1)
    x, y = np.cos(_TURN), np.sin(_TURN)
    points = _polar((np.abs(x) ** power + np.abs(y) ** power) ** (-1 / power))
    return points * (1, narrow)


def _crescent(design: np.random.Generator) -> Points:
    half = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 60) * design.uniform(0.8, 1.5)
    hollow = design.uniform(0.2, 0.8)
    outer = np.stack([np.cos(half), np.sin(half)], axis=1)
    inner = np.stack([hollow * np.cos(half) - (1 - hollow) * 0.2, np.sin(half)], axis=1)
    points = np.concatenate([outer, inner[::-1]])
    return points - (points.max(axis=0) + points.min(axis=0)) / 2


def _cross(design: np.random.Generator) -> Points:
    arms, width = int(design.integers(3, 7)), design.uniform(0.15, 0.45)
    folded = np.abs((_TURN + np.pi / arms) % (2 * np.pi / arms) - np.pi / arms)
    return _polar(np.minimum(1 / np.maximum(np.cos(folded), 0.3), width / np.sin(folded + 1e-3)))


def _leaf(design: np.random.Generator) -> Points:
    along = np.linspace(0, np.pi, 60)
    lobes = 1 + design.uniform(0, 0.35) * np.sin(int(design.integers(3, 12)) * along)
    rise = design.uniform(0.25, 0.7) * np.sin(along) ** design.uniform(0.6, 1.6) * lobes
    x = -np.cos(along)
    upper, lower = np.stack([x, rise], axis=1), np.stack([x, -rise], axis=1)
    return np.concatenate([upper, lower[::-1]])


_OUTLINES: tuple[Callable[[np.random.Generator], Points], ...] = (
    _polygon,
    _star,
    _blossom,
    _gear,
    _blob,
    _blob,
    _superformula,
    _rounded_box,
    _crescent,
    _cross,
    _leaf,
)
