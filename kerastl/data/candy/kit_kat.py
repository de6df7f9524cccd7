"""Kit-Kat: the red wrapper with its oval, and the bare chocolate fingers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from kerastl.data.candy.chocolate import CHOCOLATES
from kerastl.data.candy.packs import flow_pack, rounded
from kerastl.data.drawing.lettering import Colour, Style
from kerastl.data.drawing.noise import Field, smooth
from kerastl.data.drawing.pieces import COARSE, FINE, Piece, Sheet, oval

RED: Colour = (206, 18, 32)
WHITE: Colour = (248, 246, 242)
GROUNDS: tuple[Colour, ...] = (
    RED,
    (190, 10, 30),
    (60, 20, 24),
    RED,
    (236, 230, 220),
    (214, 30, 30),
    (206, 142, 60),
    (46, 90, 60),
    RED,
)


@lru_cache(maxsize=32)
def wrapper(design: int) -> Piece:
    """Draw a wrapper: even designs hold four fingers, odd ones two."""
    rng = np.random.default_rng((design, 11))
    wide = design % 2 == 0
    width, height = (10.0, 6.4) if wide else (12.0, 3.7)
    ground = GROUNDS[design % len(GROUNDS)]
    sheet = Sheet(width, height, ground)
    _decorate(rng, sheet, ground)
    tilt = float(rng.uniform(4, 14))
    centre = (width * float(rng.uniform(0.46, 0.54)), height * float(rng.uniform(0.44, 0.56)))
    _logo(sheet, centre, (width * 0.7, min(height * 0.66, width * 0.34)), tilt, design % 4 != 3)
    return flow_pack(sheet, 0.9, boxy=3.0, ridges=4 if wide else 2)


def _decorate(rng: np.random.Generator, sheet: Sheet, ground: Colour) -> None:
    """Print the small things: a lighter band, the maker's words, a stripe at the crimps."""
    width, height = sheet.width, sheet.height
    lighter = tuple(min(255, channel + 28) for channel in ground)
    slope = float(rng.uniform(0.5, 2.5))
    sheet.shape(
        [
            (width * 0.55, 0),
            (width * 0.55 + slope, 0),
            (width * 0.5, height),
            (width * 0.4, height),
        ],
        (lighter[0], lighter[1], lighter[2]),
    )
    if rng.random() < 0.6:
        for x in (0.9, width - 1.2):
            sheet.shape([(x, 0), (x + 0.25, 0), (x + 0.25, height), (x, height)], WHITE)
    ink = WHITE if sum(ground) < 500 else RED
    sheet.lines_of_print(rng, (1.5, height - 0.5, width * 0.5, height - 0.2), ink)
    style = Style((ink,), weight=0.02)
    sheet.word("crispy wafer fingers", style, (width * 0.74, height - 0.55), (3.2, 0.36))


def _logo(
    sheet: Sheet, centre: tuple[float, float], size: tuple[float, float], tilt: float, white: bool
) -> None:
    """Set the name in its leaning oval: red on white, or white on red."""
    paper, ink = (WHITE, RED) if white else (RED, WHITE)
    radii = size[0] / 2, size[1] / 2
    rim: Colour = (120, 6, 16) if white else WHITE
    sheet.shape(oval(centre, (radii[0] + 0.18, radii[1] + 0.18), -tilt), rim)
    sheet.shape(oval(centre, radii, -tilt), paper)
    style = Style((ink,), weight=0.036, slant=0.14, tracking=-0.01)
    sheet.word("KitKat", style, centre, (size[0] * 0.84, size[1] * 0.58), tilt)


def _embossed(height: Field, left: float, middle: float, length: float) -> None:
    """Press the name into the top of a finger."""
    stamp = Sheet(length, 0.8, (0, 0, 0))
    stamp.word(
        "KitKat", Style(((255, 255, 255),), weight=0.03, slant=0.1), (length / 2, 0.4), (2.6, 0.62)
    )
    low = np.asarray(stamp.image.convert("L").reduce(FINE // COARSE), np.float32) / 255
    x, y = int(left * COARSE), int((middle - 0.4) * COARSE)
    height[y : y + low.shape[0], x : x + low.shape[1]] += np.float32(0.13) * low


@lru_cache(maxsize=32)
def fingers(design: int) -> Piece:
    """Draw bare fingers side by side, sometimes snapped so that the wafer shows."""
    rng = np.random.default_rng((design, 12))
    count = (2, 4, 2, 3, 1)[design % 5]
    length, breadth = 8.8, 1.55
    sheet = Sheet(length, breadth * count, CHOCOLATES[design % len(CHOCOLATES)])
    x, y = sheet.grid()
    along = np.minimum(x, length - x)
    across = np.abs((y / breadth) % 1 - 0.5) * 2
    rise = np.minimum(np.clip((1 - across) * 2.2, 0, 1), np.clip(along / 0.3, 0, 1))
    height = (0.9 * rise).astype(np.float32)
    height += smooth(rng, height.shape, (6, 20)) * np.float32(0.008)
    for finger in range(count):
        for left in (1.2, 5.0):
            _embossed(height, left, breadth * (finger + 0.5), 2.8)
    outline = rounded(0, 0, length, breadth * count, 0.2)
    if design % 3 == 1:
        _snapped(rng, sheet, height)
        outline = rounded(0, 0, length - 0.1, breadth * count, 0.08)
    return sheet.piece(sheet.silhouette(outline), height, 0.3)


def _snapped(rng: np.random.Generator, sheet: Sheet, height: Field) -> None:
    """Show the layers of wafer where the right end was broken off."""
    left = sheet.width - 0.9
    bottom = sheet.height
    ragged = [(left + float(rng.uniform(-0.12, 0.12)), y) for y in np.linspace(0, bottom, 9)]
    sheet.shape([*ragged, (sheet.width, bottom), (sheet.width, 0)], (214, 172, 112))
    for layer in range(3):
        x = left + 0.22 + 0.26 * layer
        sheet.line([(x, 0), (x, bottom)], 0.08, (112, 66, 36))
    height[:, int(left * COARSE) :] = np.float32(0.3)
