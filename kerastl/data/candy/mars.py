"""Mars: the black wrapper with red and gold letters, and the bar of caramel and nougat."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from kerastl.data.candy.chocolate import CHOCOLATES
from kerastl.data.candy.packs import flow_pack, rounded
from kerastl.data.drawing.lettering import Colour, Style
from kerastl.data.drawing.noise import Field, smooth
from kerastl.data.drawing.pieces import COARSE, Piece, Sheet, oval

RED: Colour = (214, 24, 30)
GOLD: Colour = (222, 176, 84)
CREAM: Colour = (250, 240, 214)
GROUNDS: tuple[Colour, ...] = (
    (26, 22, 22),
    (20, 18, 20),
    (62, 30, 24),
    (26, 22, 22),
    (232, 220, 196),
    (36, 24, 20),
    (28, 34, 66),
    (112, 20, 26),
    (26, 22, 22),
)


@lru_cache(maxsize=32)
def wrapper(design: int) -> Piece:
    """Draw a wrapper: black, edged with gold, the name leaning across it."""
    rng = np.random.default_rng((design, 21))
    width = (11.5, 12.5, 10.0)[design % 3]
    height = float(rng.uniform(3.6, 4.4))
    ground = GROUNDS[design % len(GROUNDS)]
    sheet = Sheet(width, height, ground)
    _decorate(rng, sheet, CREAM if sum(ground) < 500 else (92, 46, 24))
    style = Style(
        (RED,) if design % 6 else (CREAM,),
        weight=0.06,
        slant=float(rng.uniform(0.12, 0.3)),
        edge=GOLD if design % 3 else CREAM,
        rim=(96, 12, 14) if design % 6 else RED,
        rim_width=0.06,
    )
    centre = (width * float(rng.uniform(0.45, 0.52)), height * 0.48)
    size = (width * float(rng.uniform(0.56, 0.68)), height * float(rng.uniform(0.5, 0.62)))
    sheet.word("MARS", style, centre, size, float(rng.uniform(-1, 5)))
    return flow_pack(sheet, 1.3, boxy=2.2)


def _decorate(rng: np.random.Generator, sheet: Sheet, ink: Colour) -> None:
    """Print the gold lines, a swirl of caramel and the small print."""
    width, height = sheet.width, sheet.height
    for y in (0.28, height - 0.4):
        sheet.shape([(0, y), (width, y), (width, y + 0.12), (0, y + 0.12)], GOLD)
    x = width * float(rng.uniform(0.8, 0.86))
    sheet.shape(oval((x, height / 2), (0.75, 0.75)), GOLD)
    sheet.shape(oval((x + 0.12, height / 2 + 0.1), (0.62, 0.62)), (150, 84, 34))
    sheet.lines_of_print(rng, (1.2, height - 0.75, width * 0.4, height - 0.5), ink)
    sheet.word("caramel & nougat", Style((ink,)), (width * 0.62, height - 0.66), (2.8, 0.34))


@lru_cache(maxsize=32)
def bar(design: int) -> Piece:
    """Draw a bare bar with its ripples; most are cut, so that caramel and nougat show."""
    rng = np.random.default_rng((design, 22))
    length, breadth = (9.4, 7.0, 5.2)[design % 3], 3.0
    sheet = Sheet(length, breadth, CHOCOLATES[design % 2])
    x, y = sheet.grid()
    across = np.abs(2 * y / breadth - 1)
    end = np.minimum(np.minimum(x, length - x) / 0.5, 1)
    height = 1.4 * np.sqrt(np.maximum(0, 1 - across**4)) * np.sqrt(end * (2 - end))
    waves = np.sin(3.4 * x + 1.6 * np.sin(1.3 * y + 0.6 * x))
    relief = (height + 0.07 * waves * (across < 0.8)).astype(np.float32)
    relief += smooth(rng, relief.shape, (8, 20)) * np.float32(0.012)
    if design % 4:
        _cut(rng, sheet, relief)
    outline = rounded(0, 0, length, breadth, 0.6)
    return sheet.piece(sheet.silhouette(outline), relief, 0.22)


def _cut(rng: np.random.Generator, sheet: Sheet, relief: Field) -> None:
    """Show the cut end: a rim of chocolate round golden caramel on pale nougat."""
    right, bottom = sheet.width, sheet.height
    left = right - float(rng.uniform(1.6, 2.1))
    sheet.shape([(left, 0), (right, 0), (right, bottom), (left, bottom)], (84, 46, 26))
    top, floor = left + 0.22, right - 0.2
    caramel = top + float(rng.uniform(0.4, 0.6))
    sheet.shape(rounded(top, 0.22, floor, bottom - 0.22, 0.25), (226, 190, 136))
    sheet.shape(rounded(top, 0.22, caramel, bottom - 0.22, 0.18), (214, 138, 40))
    drip = [(caramel + float(rng.uniform(0, 0.16)), y) for y in np.linspace(0.4, bottom - 0.4, 8)]
    sheet.shape([(top + 0.1, 0.4), *drip, (top + 0.1, bottom - 0.4)], (214, 138, 40))
    for _ in range(26):
        spot = (float(rng.uniform(caramel + 0.2, floor)), float(rng.uniform(0.35, bottom - 0.35)))
        sheet.shape(oval(spot, (0.05, 0.05)), (196, 156, 104))
    face = relief[:, int(left * COARSE) :]
    face[:] = smooth(rng, face.shape, (12, 8)) * np.float32(0.015) + np.float32(0.9)
