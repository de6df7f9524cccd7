"""Other sweets, none of which could be taken for one of the four kinds."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from kerastl.data.candy.chocolate import CHOCOLATES
from kerastl.data.candy.packs import rounded
from kerastl.data.drawing.lettering import Colour
from kerastl.data.drawing.noise import smooth
from kerastl.data.drawing.pieces import Piece, Sheet, box, oval

BRIGHT: tuple[Colour, ...] = (
    (210, 30, 40),
    (240, 140, 30),
    (246, 214, 60),
    (70, 160, 60),
    (50, 110, 200),
    (230, 120, 170),
    (240, 236, 224),
)


@lru_cache(maxsize=16)
def gummy_bear(design: int) -> Piece:
    """Draw a gummy bear on its back."""
    sheet = Sheet(2.0, 3.0, BRIGHT[design % len(BRIGHT)])
    parts = [
        oval((1, 1.75), (0.62, 0.8)),
        oval((1, 0.75), (0.5, 0.48)),
        *(oval((x, 0.36), (0.2, 0.2)) for x in (0.62, 1.38)),
        *(oval((x, 1.45), (0.3, 0.22)) for x in (0.42, 1.58)),
        *(oval((x, 2.5), (0.3, 0.34)) for x in (0.62, 1.38)),
    ]
    return sheet.solid(sheet.silhouette(*parts), 0.7, 0.22, 0.7)


@lru_cache(maxsize=16)
def mint(design: int) -> Piece:
    """Draw a white mint with a hole."""
    sheet = Sheet(2.2, 2.2, (238, 242, 240))
    mask = sheet.silhouette(oval((1.1, 1.1), (0.95, 0.95)))
    hole = sheet.silhouette(oval((1.1, 1.1), (0.34, 0.34)))
    mask.paste(0, mask=hole)
    return sheet.solid(mask, 0.4, 0.12 + 0.02 * (design % 3), 0.3)


@lru_cache(maxsize=16)
def toffee(design: int) -> Piece:
    """Draw a toffee in twisted paper."""
    rng = np.random.default_rng((design, 61))
    colour = BRIGHT[design % len(BRIGHT)]
    sheet = Sheet(5.6, 2.4, colour)
    for x in np.arange(-1, 6, float(rng.uniform(0.5, 1.1))):
        stripe = [(x, 0.0), (x + 0.2, 0.0), (x + 1.0, 2.4), (x + 0.8, 2.4)]
        sheet.shape(stripe, BRIGHT[(design + 3) % len(BRIGHT)])
    fans = [
        [(1.6, 1.2), (0.2, 0.2), (0.0, 1.1), (0.3, 2.2)],
        [(4.0, 1.2), (5.4, 0.2), (5.6, 1.2), (5.3, 2.2)],
    ]
    mask = sheet.silhouette(rounded(1.4, 0.4, 4.2, 2.0, 0.5), *fans)
    piece = sheet.solid(mask, 0.9, 0.3, 0.6)
    folds = smooth(rng, piece.height.shape, (12, 12)) * np.float32(0.06)
    return piece._replace(height=piece.height + folds)


@lru_cache(maxsize=16)
def tablet(design: int) -> Piece:
    """Draw a broken-off part of a tablet of chocolate, moulded in squares."""
    across, down = ((3, 2), (4, 3), (2, 2))[design % 3]
    side = 1.7
    sheet = Sheet(side * across, side * down, CHOCOLATES[design % len(CHOCOLATES)])
    x, y = sheet.grid()
    edge = 1 - np.maximum(np.abs((x / side) % 1 - 0.5), np.abs((y / side) % 1 - 0.5)) * 2
    height = np.minimum(edge * 2.2, 0.55) * 0.8
    outline = box(0, 0, sheet.width, sheet.height)
    return sheet.piece(sheet.silhouette(outline), height.astype(np.float32), 0.25)


@lru_cache(maxsize=16)
def lollipop(design: int) -> Piece:
    """Draw a flat lollipop with a spiral."""
    sheet = Sheet(4.4, 10.0, (240, 238, 230))
    middle = (2.2, 2.2)
    sheet.shape(oval(middle, (2.1, 2.1)), BRIGHT[design % len(BRIGHT)])
    turn = np.linspace(0, 7 * np.pi, 90)
    spiral = np.stack([2.2 + turn / 11 * np.cos(turn), 2.2 + turn / 11 * np.sin(turn)], axis=1)
    sheet.line([(float(x), float(y)) for x, y in spiral], 0.3, BRIGHT[(design + 6) % 7])
    mask = sheet.silhouette(oval(middle, (2.1, 2.1)), box(2.08, 4, 2.34, 9.9))
    return sheet.solid(mask, 0.7, 0.3, 0.7)


@lru_cache(maxsize=16)
def liquorice(design: int) -> Piece:
    """Draw a layered cube of liquorice and sugar paste."""
    sheet = Sheet(2.0, 2.0, BRIGHT[design % len(BRIGHT)])
    for top in (0.4, 1.2):
        sheet.shape(box(0, top, 2, top + 0.4), (30, 24, 24))
    return sheet.solid(sheet.silhouette(rounded(0.1, 0.1, 1.9, 1.9, 0.15)), 0.8, 0.12, 0.15)


@lru_cache(maxsize=16)
def buttons(design: int) -> Piece:
    """Draw a handful of buttons: as round and as colourful as sweets, but with four holes."""
    rng = np.random.default_rng((design, 62))
    sheet = Sheet(8.0, 6.0, (0, 0, 0))
    spots = [
        (1.0 + 2 * (index % 4) + float(rng.uniform(-0.2, 0.2)), 1.0 + 2 * (index // 4))
        for index in rng.choice(12, size=int(rng.integers(4, 9)), replace=False)
    ]
    for spot in spots:
        sheet.shape(oval(spot, (1, 1)), BRIGHT[int(rng.integers(len(BRIGHT)))])
    holes = [(x + i, y + j) for x, y in spots for i in (-0.17, 0.17) for j in (-0.17, 0.17)]
    mask = sheet.silhouette(*(oval(spot, (0.75, 0.75)) for spot in spots))
    mask.paste(0, mask=sheet.silhouette(*(oval(hole, (0.1, 0.1)) for hole in holes)))
    return sheet.solid(mask, 0.3, 0.1, 0.4)


TREATS = (gummy_bear, mint, toffee, tablet, lollipop, liquorice, buttons, buttons)
