"""Skittles: the bag with its rainbow."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from kerastl.data.candy.packs import flow_pack
from kerastl.data.candy.sweets import SKITTLE, sweet_image
from kerastl.data.drawing.lettering import Colour, Style
from kerastl.data.drawing.light import Light
from kerastl.data.drawing.pieces import Piece, Sheet

WHITE: Colour = (252, 250, 246)
RAINBOW: tuple[Colour, ...] = (
    (238, 50, 44),
    (246, 140, 30),
    (252, 220, 50),
    (70, 176, 70),
    (40, 110, 200),
    (110, 50, 150),
)
GROUNDS: tuple[Colour, ...] = (
    (200, 16, 34),
    (206, 20, 40),
    (96, 30, 120),
    (196, 12, 30),
    (30, 120, 60),
    (210, 26, 36),
    (24, 96, 180),
    (236, 120, 24),
    (40, 30, 46),
)


@lru_cache(maxsize=32)
def bag(design: int) -> Piece:
    """Draw a bag: a rainbow sweeping into the name, sweets tumbling out of its end."""
    rng = np.random.default_rng((design, 31))
    width, height = (12.0, 7.8) if design % 3 else (13.0, 5.6)
    ground = GROUNDS[design % len(GROUNDS)]
    sheet = Sheet(width, height, ground)
    _rainbow(rng, sheet)
    _sweets(rng, sheet)
    dark: Colour = (ground[0] // 3, ground[1] // 3, ground[2] // 3)
    style = Style((WHITE,), weight=0.034, slant=0.1, edge=dark, edge_width=0.07, bounce=0.02)
    tilt = float(rng.uniform(3, 14))
    centre = (width * 0.5, height * float(rng.uniform(0.42, 0.5)))
    sheet.word("Skittles", style, centre, (width * 0.74, height * 0.36), tilt)
    sheet.word("fruit chews", Style((WHITE,)), (width * 0.3, height * 0.8), (2.6, 0.5))
    sheet.lines_of_print(rng, (1.1, height - 0.5, width * 0.45, height - 0.2), WHITE)
    return flow_pack(sheet, 1.6, boxy=1.0)


def _rainbow(rng: np.random.Generator, sheet: Sheet) -> None:
    """Sweep six bands in an arc from the lower left to the upper right."""
    lift = float(rng.uniform(0.5, 0.9)) * sheet.height
    band = sheet.height * float(rng.uniform(0.07, 0.1))
    x = np.linspace(0, sheet.width, 24)
    start = float(rng.uniform(0.6, 1.0)) * sheet.height
    arc = start - lift * np.sin(x / sheet.width * np.pi * float(rng.uniform(0.5, 0.8)))
    for index, colour in enumerate(RAINBOW):
        top = np.stack([x, arc + (index - 3) * band], axis=1)
        bottom = np.stack([x, arc + (index - 2) * band], axis=1)[::-1]
        sheet.shape(np.concatenate([top, bottom]), colour)


def _sweets(rng: np.random.Generator, sheet: Sheet) -> None:
    """Print a few sweets in the lower right corner."""
    light = Light(4.0, 0.9, 0.45)
    for _ in range(int(rng.integers(4, 9))):
        colour = SKITTLE.colours[int(rng.integers(len(SKITTLE.colours)))]
        image = sweet_image(rng, SKITTLE, colour, light)
        spot = (
            sheet.width * float(rng.uniform(0.55, 0.88)),
            sheet.height * float(rng.uniform(0.72, 0.92)),
        )
        sheet.paste(image, spot, (2.0, 2.0))
