"""Other brands' packs, all invented, in the colours and shapes of the four kinds."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from kerastl.data.candy.packs import carton, flow_pack, tube
from kerastl.data.drawing.lettering import Colour, Style
from kerastl.data.drawing.pieces import Piece, Sheet, box, oval

NAMES: tuple[str, ...] = (
    "NUTTO",
    "Krispo",
    "BOLERO",
    "Zingo",
    "CARAMO",
    "Wafel",
    "Plimp",
    "TRIXO",
    "Choqua",
    "LUNO",
    "Fizzel",
    "HAZLO",
    "Popple",
    "BRIX",
)
GROUNDS: tuple[Colour, ...] = (
    (204, 18, 34),
    (26, 22, 24),
    (30, 60, 156),
    (90, 40, 136),
    (210, 30, 40),
    (40, 26, 22),
    (34, 120, 62),
    (236, 228, 216),
    (196, 14, 30),
    (224, 150, 30),
)
INKS: tuple[Colour, ...] = (
    (252, 250, 244),
    (222, 176, 84),
    (214, 24, 30),
    (250, 216, 60),
    (60, 40, 30),
    (120, 200, 240),
    (90, 190, 80),
    (240, 120, 180),
)


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


@lru_cache(maxsize=64)
def pack(design: int) -> Piece:
    """Draw a pack of no brand that exists: bar, bag, tube or box."""
    rng = np.random.default_rng((design, 51))
    form = design % 5
    height = (3.8, 6.6, 2.8, 6.2, 4.4)[form]
    sheet = Sheet(float(rng.uniform(10, 13)), height, _pick(rng, GROUNDS))
    for decorate in rng.choice(3, size=2, replace=False):
        (_bands, _arc, _dots)[decorate](rng, sheet)
    _name(rng, sheet, NAMES[design % len(NAMES)])
    if form == 2:
        return tube(sheet, 0.7)
    if form == 3:
        return carton(sheet, 1.2)
    return flow_pack(sheet, 1.2, boxy=1.0 if form == 1 else 2.5)


def _bands(rng: np.random.Generator, sheet: Sheet) -> None:
    """Print stripes along the long sides."""
    ink, breadth = _pick(rng, INKS), float(rng.uniform(0.1, 0.5))
    for top in (0.25, sheet.height - 0.3 - breadth):
        sheet.shape(box(0, top, sheet.width, top + breadth), ink)


def _arc(rng: np.random.Generator, sheet: Sheet) -> None:
    """Sweep some coloured bands across."""
    x = np.linspace(0, sheet.width, 16)
    bend = float(rng.uniform(-1.2, 1.2))
    middle = sheet.height * float(rng.uniform(0.4, 1.0)) + bend * np.sin(x / 3)
    breadth = sheet.height * float(rng.uniform(0.06, 0.14))
    for index in range(int(rng.integers(2, 5))):
        top = np.stack([x, middle + index * breadth], axis=1)
        bottom = np.stack([x, middle + (index + 1) * breadth], axis=1)[::-1]
        sheet.shape(np.concatenate([top, bottom]), _pick(rng, INKS))


def _dots(rng: np.random.Generator, sheet: Sheet) -> None:
    """Scatter nuts, drops or dots, one colour in each pack or many."""
    many, one = rng.random() < 0.5, _pick(rng, INKS)
    for _ in range(int(rng.integers(4, 14))):
        spot = (float(rng.uniform(0, sheet.width)), float(rng.uniform(0, sheet.height)))
        radius = float(rng.uniform(0.25, 0.7))
        colour = _pick(rng, INKS) if many else one
        sheet.shape(oval(spot, (radius, radius * 0.8), float(rng.uniform(0, 180))), colour)


def _name(rng: np.random.Generator, sheet: Sheet, name: str) -> None:
    """Set the name in an oval, on a plate or plainly, in one colour or several."""
    centre = (sheet.width * float(rng.uniform(0.45, 0.55)), sheet.height * 0.48)
    size = (sheet.width * float(rng.uniform(0.5, 0.7)), min(2.6, sheet.height * 0.45))
    tilt = float(rng.uniform(-4, 12))
    dark: Colour = (34, 20, 30)
    colours: tuple[Colour, ...] = (_pick(rng, INKS[:4]),)
    edge = dark if rng.random() < 0.7 else INKS[0]
    if rng.random() < 0.3:
        sheet.shape(oval(centre, (size[0] * 0.64, size[1] * 0.78), -tilt), _pick(rng, GROUNDS))
    elif rng.random() < 0.3:
        colours = tuple(_pick(rng, INKS) for _ in range(4))
    style = Style(
        colours,
        weight=float(rng.uniform(0.03, 0.07)),
        slant=float(rng.uniform(-0.05, 0.3)),
        edge=edge,
        rim=_pick(rng, INKS) if rng.random() < 0.4 else None,
        bounce=float(rng.uniform(0, 0.04)),
    )
    sheet.word(name, style, centre, size, tilt)
