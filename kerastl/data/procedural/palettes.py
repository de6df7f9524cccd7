"""Colours that go together, drawn by chance."""

from __future__ import annotations

import colorsys

import numpy as np

from kerastl.data.drawing.lettering import Colour

# Steps round the circle of hues from one colour of a palette to the next.
_SCHEMES = (0.0, 0.04, 0.08, 1 / 3, 0.5, 0.62)
_BLEACHED = 0.15  # how often a colour is nearly white, grey or black


def palette(rng: np.random.Generator, count: int) -> tuple[Colour, ...]:
    """Draw so many colours, RGB of 0..255, whose hues follow one scheme."""
    hue, step = float(rng.random()), float(rng.choice(_SCHEMES))
    return tuple(_colour(rng, hue + step * index) for index in range(count))


def _colour(rng: np.random.Generator, hue: float) -> Colour:
    saturation = rng.uniform(0, 0.15) if rng.random() < _BLEACHED else rng.uniform(0.2, 1)
    return _rgb(hue + rng.normal(0, 0.02), saturation, rng.uniform(0.1, 1) ** 0.7)


def shifted(rng: np.random.Generator, colours: tuple[Colour, ...]) -> tuple[Colour, ...]:
    """Return the palette as another batch of the same dye would have it."""
    turn, strength, light = rng.normal(0, 0.012), rng.normal(1, 0.1), rng.normal(1, 0.08)
    parts = (colorsys.rgb_to_hsv(*(level / 255 for level in colour)) for colour in colours)
    return tuple(_rgb(hue + turn, dye * strength, value * light) for hue, dye, value in parts)


def _rgb(hue: float, saturation: float, value: float) -> Colour:
    clipped = np.clip((hue % 1, saturation, value), 0, 1).tolist()
    red, green, blue = (round(255 * level) for level in colorsys.hsv_to_rgb(*clipped))
    return red, green, blue
