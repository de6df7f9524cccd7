"""Fractals of iterated function systems (Kataoka et al., 2020)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_CHAINS = 1500  # points that wander at once
_STEPS = 45
_SETTLED = 12  # steps until they are on the attractor
_FILLED = (0.2, 0.8)  # share of the picture that a fractal worth looking at covers

Array = npt.NDArray[np.float64]


class System(NamedTuple):
    """Affine maps of the plane, and how often each is taken."""

    maps: Array
    shares: Array


class Fractal(NamedTuple):
    """What a system draws: how often each pixel was visited, and by which mixture of its maps."""

    density: npt.NDArray[np.float32]
    origin: npt.NDArray[np.float32]


def system(design: np.random.Generator) -> System:
    """Draw a system whose fractal is neither dust nor a blot."""
    while True:
        count = int(design.integers(2, 6))
        maps = design.uniform(-1, 1, (count, 2, 3))
        # Maps that turn and shrink; what stretches would drive the points away.
        largest = np.linalg.norm(maps[:, :, :2], ord=2, axis=(1, 2))
        maps[:, :, :2] *= (design.uniform(0.35, 0.9, count) / largest)[:, None, None]
        shares = np.abs(np.linalg.det(maps[:, :, :2])) + 0.05
        found = System(maps, shares / shares.sum())
        filled = float((fractal(found, np.random.default_rng(0), 48).density > 0).mean())
        if _FILLED[0] < filled < _FILLED[1]:
            return found


def varied(system: System, chance: np.random.Generator) -> System:
    """Return the system with its maps changed a little: another one of its category."""
    factors = chance.uniform(0.93, 1.04, system.maps.shape)
    return system._replace(maps=system.maps * factors)


def fractal(system: System, chance: np.random.Generator, side: int) -> Fractal:
    """Draw a system's fractal by the chaos game, `[side, side]`."""
    points = np.zeros((_CHAINS, 2))
    origin = np.zeros(_CHAINS)
    visited, origins = [], []
    choices = chance.choice(len(system.shares), (_STEPS, _CHAINS), p=system.shares)
    for step, choice in enumerate(choices):
        taken = system.maps[choice]
        points = np.einsum("nij,nj->ni", taken[:, :, :2], points) + taken[:, :, 2]
        origin = 0.5 * origin + 0.5 * choice / len(system.shares)
        if step >= _SETTLED:
            visited.append(points)
            origins.append(origin)
    return _plotted(np.concatenate(visited), np.concatenate(origins), side)


def _plotted(points: Array, origins: Array, side: int) -> Fractal:
    low, high = np.percentile(points, (0.5, 99.5), axis=0)
    middle, reach = (low + high) / 2, max(float((high - low).max()) / 2, 1e-9)
    pixels = ((points - middle) / reach * 0.47 + 0.5) * side
    inside = ((pixels >= 0) & (pixels < side)).all(axis=1)
    column, row = pixels[inside].astype(np.int64).T
    places, size = row * side + column, side * side
    density = np.bincount(places, minlength=size)
    origin = np.bincount(places, weights=origins[inside], minlength=size) / np.maximum(density, 1)
    shape = (side, side)
    return Fractal(
        density.reshape(shape).astype(np.float32), origin.reshape(shape).astype(np.float32)
    )
