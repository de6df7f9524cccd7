"""Blank packs: outline and relief of wrappers, tubes and cartons, whatever is printed on them."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from kerastl.data.drawing.pieces import COARSE, DENSITY, Piece, Point, Sheet, box, with_cover

HAIR = 0.05  # centimetres left free around a straight edge, so that it comes out smooth
CRIMP = 0.75  # centimetres of pressed foil at each end of a flow pack


def _zigzag(width: float, height: float, tooth: float = 0.28) -> list[Point]:
    """Return the outline of a flow pack: straight long sides, pinked ends."""
    count = max(3, round(height / tooth))
    ys = np.linspace(0, height, 2 * count + 1)
    depth = np.where(np.arange(len(ys)) % 2, 0.0, 0.16)
    left = [(float(d), float(y)) for d, y in zip(depth, ys, strict=True)]
    return left + [(width - x, y) for x, y in reversed(left)]


def flow_pack(
    sheet: Sheet, thickness: float, *, boxy: float, ridges: int = 0, gloss: float = 0.55
) -> Piece:
    """Wrap the sheet round something, with a crimp at the left and right end.

    Args:
        sheet: what is printed.
        thickness: centimetres from the ground to the top.
        boxy: 1 for a pillow, 3 and more for a bar with flat top and steep sides.
        ridges: how many fingers show through.
        gloss: how brightly it shines, 0..1.
    """
    x, y = sheet.grid()
    inside = np.minimum(x, sheet.width - x) - CRIMP
    across = np.abs(2 * y / sheet.height - 1)
    rise = np.clip(inside / (0.35 * sheet.height / boxy + 0.25), 0, 1)
    height = (
        thickness * np.sqrt(np.maximum(0, 1 - across ** (2 * boxy))) * np.sqrt(rise * (2 - rise))
    )
    if ridges:
        height += 0.05 * rise * np.abs(np.sin(np.pi * ridges * y / sheet.height))
    height += np.where(inside < 0, 0.035 * np.sin(x * 19), 0)
    return sheet.piece(
        sheet.silhouette(_zigzag(sheet.width, sheet.height)), height.astype(np.float32), gloss
    )


def tube(sheet: Sheet, thickness: float, gloss: float = 0.3) -> Piece:
    """Roll the sheet into a six-sided tube lying on one side, so that three sides show."""
    _, y = sheet.grid()
    across = np.abs(2 * y / sheet.height - 1)
    height = thickness * np.minimum(1, (1 - across) * 1.7)
    outline = box(HAIR, HAIR, sheet.width - HAIR, sheet.height - HAIR)
    return sheet.piece(sheet.silhouette(outline), height.astype(np.float32), gloss)


def carton(sheet: Sheet, side: float, gloss: float = 0.25) -> Piece:
    """Fold the sheet into a flat box whose lower `side` centimetres are its front."""
    _, y = sheet.grid()
    height = np.minimum(1.2, (sheet.height - y) * 1.2 / side) - 0.5 * np.exp(-8 * y)
    outline = box(HAIR, HAIR, sheet.width - HAIR, sheet.height - HAIR)
    return sheet.piece(sheet.silhouette(outline), height.astype(np.float32), gloss)


def torn(rng: np.random.Generator, piece: Piece, share: float) -> Piece:
    """Tear the right end off a pack, so that `share` of its length is left with a foil edge."""
    image = piece.colours.convert("RGB")
    ys = np.linspace(0, image.height, 12)
    edge = image.width * share + DENSITY * rng.uniform(-0.45, 0.45, 12)
    right = [(float(x), float(y)) for x, y in zip(edge, ys, strict=True)]
    foil = [(x - 0.3 * DENSITY, y) for x, y in reversed(right)]
    pencil = ImageDraw.Draw(image)
    pencil.polygon(right + foil, fill=(226, 224, 220))
    kept = Image.new("L", image.size)
    ImageDraw.Draw(kept).polygon([(0, 0), *right, (0, image.height)], fill=255)
    left = with_cover(image, ImageChops.darker(piece.colours.getchannel("X"), kept))
    rise = piece.height.copy()
    column = int(share * rise.shape[1])
    rise[:, column:] = np.maximum(rise[:, column:], rise[:, column - COARSE : column].mean())
    return Piece(left, rise, piece.gloss)


def rounded(left: float, top: float, right: float, bottom: float, radius: float) -> list[Point]:
    """Return the outline of a rectangle with rounded corners."""
    turn = np.linspace(0, np.pi / 2, 7)
    corners = ((right, bottom, 0), (left, bottom, 1), (left, top, 2), (right, top, 3))
    points: list[Point] = []
    for x, y, quarter in corners:
        inner_x = x - radius if quarter in (0, 3) else x + radius
        inner_y = y - radius if quarter in (0, 1) else y + radius
        points.extend(
            (float(inner_x + radius * np.cos(angle)), float(inner_y + radius * np.sin(angle)))
            for angle in turn + quarter * np.pi / 2
        )
    return points
