"""Smarties: the six-sided tube and the box, with a colour to each letter."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from kerastl.data.candy.packs import carton, tube
from kerastl.data.candy.sweets import SMARTIE, sweet_image
from kerastl.data.drawing.lettering import Colour, Style
from kerastl.data.drawing.light import Light
from kerastl.data.drawing.pieces import Piece, Sheet, oval

WHITE: Colour = (252, 250, 250)
LETTERS: tuple[Colour, ...] = (
    (238, 60, 60),
    (250, 150, 40),
    (252, 220, 60),
    (90, 190, 80),
    (240, 120, 180),
    (120, 200, 240),
    (250, 150, 40),
    (170, 110, 200),
)
GROUNDS: tuple[Colour, ...] = (
    (28, 58, 150),
    (40, 86, 190),
    (86, 42, 140),
    (28, 58, 150),
    (70, 40, 130),
    (196, 30, 50),
    (230, 224, 232),
    (236, 130, 36),
    (36, 130, 90),
    (214, 84, 150),
    (60, 36, 34),
)


@lru_cache(maxsize=32)
def pack(design: int) -> Piece:
    """Draw a pack: two designs of three are tubes, the third is a box."""
    rng = np.random.default_rng((design, 41))
    boxed = design % 3 == 2
    width, height = (10.5, 6.6) if boxed else (13.0, float(rng.uniform(2.7, 3.3)))
    ground = GROUNDS[design % len(GROUNDS)]
    sheet = Sheet(width, height, ground)
    _decorate(rng, sheet, ground)
    face = height - 1.4 if boxed else height
    _name(rng, sheet, (width * 0.5, face * 0.5), (width * 0.78, min(face * 0.52, 2.2)), design)
    if boxed:
        _front(sheet, ground)
        return carton(sheet, 1.4)
    _caps(sheet, LETTERS[design % len(LETTERS)])
    return tube(sheet, 0.75)


def _name(
    rng: np.random.Generator,
    sheet: Sheet,
    centre: tuple[float, float],
    size: tuple[float, float],
    design: int,
) -> None:
    """Set the name, one colour to a letter, dancing on its line."""
    start = int(rng.integers(len(LETTERS)))
    style = Style(
        LETTERS[start:] + LETTERS[:start],
        weight=0.07,
        edge=WHITE if design % 2 else (20, 20, 60),
        edge_width=0.05,
        rim=(20, 20, 60) if design % 2 else WHITE,
        bounce=float(rng.uniform(0.01, 0.06)),
        tracking=0.03,
    )
    sheet.word("SMARTIES" if design % 4 else "Smarties", style, centre, size)


def _decorate(rng: np.random.Generator, sheet: Sheet, ground: Colour) -> None:
    """Print a glow behind the name, and lentils flying about."""
    light = Light(4.0, 0.9, 0.45)
    glow: Colour = (min(255, ground[0] + 30), min(255, ground[1] + 40), min(255, ground[2] + 45))
    sheet.shape(
        oval((sheet.width / 2, sheet.height / 2), (sheet.width * 0.4, sheet.height * 0.4)), glow
    )
    for _ in range(int(rng.integers(8, 16))):
        colour = SMARTIE.colours[int(rng.integers(len(SMARTIE.colours)))]
        spot = (float(rng.uniform(0, sheet.width)), float(rng.uniform(0, sheet.height)))
        size = float(rng.uniform(1.0, 1.8))
        sheet.paste(sweet_image(rng, SMARTIE, colour, light), spot, (size, size * 0.75), 30)


def _front(sheet: Sheet, ground: Colour) -> None:
    """Print the narrow front of a box."""
    top = sheet.height - 1.4
    darker: Colour = (ground[0] * 4 // 5, ground[1] * 4 // 5, ground[2] * 4 // 5)
    sheet.shape([(0, top), (sheet.width, top), (sheet.width, top + 1.4), (0, top + 1.4)], darker)
    style = Style(LETTERS, weight=0.07, edge=WHITE, tracking=0.03)
    sheet.word("SMARTIES", style, (sheet.width * 0.5, top + 0.7), (sheet.width * 0.5, 0.8))


def _caps(sheet: Sheet, colour: Colour) -> None:
    """Put the plastic cap on the left end and a band on the right."""
    for left, right in ((0.0, 0.7), (sheet.width - 0.3, sheet.width)):
        sheet.shape([(left, 0), (right, 0), (right, sheet.height), (left, sheet.height)], colour)
