"""What else lies on a table: pens, coins, keys, cups, cables, papers, leaves, spoons, phones."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from kerastl.data.candy.packs import rounded
from kerastl.data.drawing.lettering import Colour, Style
from kerastl.data.drawing.noise import smooth
from kerastl.data.drawing.pieces import COARSE, FINE, Piece, Points, Sheet, box, oval

PLASTICS: tuple[Colour, ...] = (
    (30, 60, 150),
    (24, 24, 28),
    (200, 30, 40),
    (236, 236, 232),
    (40, 130, 80),
    (240, 190, 40),
    (110, 60, 140),
)
METALS: tuple[Colour, ...] = ((186, 188, 192), (206, 166, 84), (176, 104, 66), (150, 152, 158))


@lru_cache(maxsize=16)
def pen(design: int) -> Piece:
    """Draw a ball pen, or a pencil."""
    length, breadth = 14.0, 0.9
    barrel = PLASTICS[design % len(PLASTICS)]
    sheet = Sheet(length, breadth, barrel)
    tip = METALS[design % 2] if design % 2 else (224, 188, 140)
    sheet.shape(box(length - 1.6, 0, length, breadth), tip)
    sheet.shape(box(0, 0, 1.0, breadth), METALS[0] if design % 2 else (222, 130, 130))
    if design % 3 == 0:
        sheet.shape(box(0.6, 0.3, 4.5, 0.55), METALS[0])
    point = [(0.0, 0.1), (length - 1.6, 0.1), (length, 0.42)]
    mask = sheet.silhouette([*point, (length, 0.5), (length - 1.6, 0.8), (0.0, 0.8)])
    return sheet.solid(mask, 0.5, 0.2, 0.6)


@lru_cache(maxsize=16)
def coin(design: int) -> Piece:
    """Draw a coin with a raised rim and a number."""
    metal = METALS[design % len(METALS)]
    sheet = Sheet(2.6, 2.6, metal)
    middle = (1.3, 1.3)
    if design % 3 == 0:
        sheet.shape(oval(middle, (0.8, 0.8)), METALS[(design + 1) % len(METALS)])
    piece = sheet.solid(sheet.silhouette(oval(middle, (1.2, 1.2))), 0.2, 0.08, 0.5)
    stamp = Sheet(2.6, 2.6, (0, 0, 0))
    stamp.shape(oval(middle, (1.2, 1.2)), (255, 255, 255))
    stamp.shape(oval(middle, (1.05, 1.05)), (0, 0, 0))
    number = ("1", "2", "50", "10")[design % 4]
    stamp.word(number, Style(((255, 255, 255),), weight=0.04), middle, (0.9, 1.1))
    raised = np.asarray(stamp.image.convert("L").reduce(FINE // COARSE), np.float32) / 255
    return piece._replace(height=(piece.height + 0.08 * raised).astype(np.float32))


@lru_cache(maxsize=16)
def key(design: int) -> Piece:
    """Draw a door key."""
    rng = np.random.default_rng((design, 71))
    sheet = Sheet(6.4, 2.6, METALS[design % len(METALS)])
    teeth = [(2.2, 1.0), *((2.4 + 0.4 * i, 0.8 if i % 2 else 1.1) for i in range(9)), (6.2, 1.2)]
    shaft = [*teeth, (6.0, 1.6), (2.2, 1.6)]
    mask = sheet.silhouette(oval((1.3, 1.3), (1.2, 1.2)), shaft)
    mask.paste(0, mask=sheet.silhouette(oval((0.7, 1.3), (0.3, 0.36))))
    sheet.line([(2.4, 1.4), (6.0, 1.4)], 0.1, (110, 106, 100))
    return sheet.solid(mask, 0.25, 0.1, float(rng.uniform(0.4, 0.8)))


@lru_cache(maxsize=16)
def cup(design: int) -> Piece:
    """Draw a cup of tea or coffee from above, on its saucer or with its handle."""
    china = PLASTICS[(3, 3, 0, 4, 5, 2)[design % 6]]
    drink: Colour = ((66, 38, 22), (150, 84, 30), (188, 148, 112))[design % 3]
    sheet = Sheet(11.0, 11.0, china)
    middle = (5.0, 5.5)
    parts: list[Points] = [oval(middle, (3.9, 3.9)), rounded(8.4, 5.0, 10.6, 6.0, 0.4)]
    if design % 2:
        parts.append(oval(middle, (4.9, 4.9)))
    rim: Colour = (china[0] * 9 // 10, china[1] * 9 // 10, china[2] * 9 // 10)
    sheet.shape(oval(middle, (3.6, 3.6)), rim)
    sheet.shape(oval((5.05, 5.6), (3.3, 3.3)), drink)
    mask = sheet.silhouette(*parts)
    piece = sheet.solid(mask, 1.2, 0.4, 0.5)
    x, y = sheet.grid()
    distance = np.hypot(x - middle[0], y - middle[1])
    wall = 1.5 * np.exp(-(((distance - 3.6) / 0.3) ** 2))
    height = np.where(distance < 3.2, 0.5, piece.height) + wall
    return piece._replace(height=height.astype(np.float32))


@lru_cache(maxsize=16)
def cable(design: int) -> Piece:
    """Draw a cable lying in loops."""
    rng = np.random.default_rng((design, 72))
    sheet = Sheet(14.0, 8.0, ((240, 240, 238), (28, 28, 30))[design % 2])
    turn = np.linspace(0, 2 * np.pi * float(rng.uniform(0.8, 1.8)), 70)
    reach = float(rng.uniform(1.5, 3.0))
    x = 1 + turn / turn[-1] * 12 + reach * np.sin(2 * turn) * 0.5
    y = 4 + reach * np.sin(turn + float(rng.uniform(0, 6)))
    trace = Sheet(14.0, 8.0, (0, 0, 0))
    trace.line([(float(a), float(b)) for a, b in zip(x, y, strict=True)], 0.36, (255, 255, 255))
    trace.shape(box(float(x[-1]) - 0.3, float(y[-1]) - 0.4, 14.0, float(y[-1]) + 0.4), (255,) * 3)
    return sheet.solid(trace.image.convert("L"), 0.35, 0.12, 0.3)


@lru_cache(maxsize=16)
def note(design: int) -> Piece:
    """Draw a letter, a receipt or a sticky note."""
    rng = np.random.default_rng((design, 73))
    width, height = ((12.0, 15.0), (5.5, 14.0), (7.0, 7.0))[design % 3]
    paper: Colour = ((244, 243, 238), (238, 238, 240), (250, 226, 100))[design % 3]
    sheet = Sheet(width, height, paper)
    ink: Colour = (70, 70, 80) if design % 2 else (40, 60, 140)
    for top in np.arange(1.0, height - 1, 0.6):
        sheet.lines_of_print(rng, (0.7, top, width - float(rng.uniform(0.7, 3)), top + 0.1), ink)
    mask = sheet.silhouette(box(0.05, 0.05, width - 0.05, height - 0.05))
    piece = sheet.solid(mask, 0.05, 0.1, 0.03)
    wave = smooth(rng, piece.height.shape, (3, 3)) * np.float32(0.14)
    return piece._replace(height=piece.height + wave)


@lru_cache(maxsize=16)
def leaf(design: int) -> Piece:
    """Draw a fallen leaf with its veins."""
    rng = np.random.default_rng((design, 74))
    colour = ((96, 130, 44), (186, 110, 34), (160, 60, 30), (200, 164, 52))[design % 4]
    vein: Colour = (colour[0] * 5 // 6, colour[1] * 5 // 6, colour[2] * 4 // 6)
    sheet = Sheet(7.0, 3.6, (colour[0], colour[1], colour[2]))
    x = np.linspace(0, 5.6, 16)
    half = 1.6 * np.sin(np.pi * (x / 5.6) ** 0.8) + 0.12 * (np.arange(16) % 2)
    sheet.line([(0.0, 1.8), (7.0, 1.8)], 0.12, vein)
    for start in np.arange(0.8, 5.0, 0.7):
        for side in (-1.4, 1.4):
            sheet.line([(start + 0.9, 1.8), (start, 1.8 + side)], 0.06, vein)
    edge = np.concatenate([np.stack([x, 1.8 - half], 1), np.stack([x, 1.8 + half], 1)[::-1]])
    piece = sheet.solid(sheet.silhouette(edge, box(5.0, 1.72, 7.0, 1.9)), 0.15, 0.2, 0.15)
    curl = smooth(rng, piece.height.shape, (4, 6)) * np.float32(0.16)
    return piece._replace(height=piece.height + curl)


@lru_cache(maxsize=16)
def spoon(design: int) -> Piece:
    """Draw a tea spoon."""
    sheet = Sheet(13.0, 3.0, METALS[design % 2 * 3])
    mask = sheet.silhouette(
        oval((1.9, 1.5), (1.8, 1.25)), [(3.2, 1.25), (12.8, 1.05), (12.8, 1.95), (3.2, 1.75)]
    )
    piece = sheet.solid(mask, 0.4, 0.16, 0.9)
    x, y = sheet.grid()
    bowl = 1 - ((x - 1.9) / 1.6) ** 2 - ((y - 1.5) / 1.05) ** 2
    return piece._replace(height=(piece.height - 0.6 * np.maximum(0, bowl)).astype(np.float32))


@lru_cache(maxsize=16)
def phone(design: int) -> Piece:
    """Draw a phone lying on its back, its screen dark or showing messages."""
    rng = np.random.default_rng((design, 75))
    sheet = Sheet(14.4, 7.0, (36, 36, 40))
    screen: Colour = (16, 18, 24) if design % 2 else (214, 226, 238)
    sheet.shape(rounded(0.25, 0.25, 14.15, 6.75, 0.6), screen)
    if design % 2 == 0:
        for left in np.arange(1.2, 12.5, 1.7):
            top = float(rng.uniform(0.6, 2.8))
            colour = PLASTICS[int(rng.integers(len(PLASTICS)))]
            sheet.shape(rounded(left, top, left + 1.2, top + 3.2, 0.3), colour)
    return sheet.solid(sheet.silhouette(rounded(0.05, 0.05, 14.35, 6.95, 0.9)), 0.6, 0.1, 0.5)


SMALL = (pen, coin, coin, key, leaf, spoon)
LARGE = (cup, cable, note, note, phone, leaf)
