"""Things to be told apart, as pieces: what makes a kind stays, the rest is left to chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from kerastl.data.drawing.lettering import Colour, Style
from kerastl.data.drawing.noise import smooth
from kerastl.data.drawing.pieces import COARSE, DENSITY, Piece, Sheet, box, with_cover
from kerastl.data.procedural.fractals import fractal, system, varied
from kerastl.data.procedural.outlines import Points, outline, petals
from kerastl.data.procedural.palettes import palette, shifted
from kerastl.data.procedural.surfaces import surface

SIDE = 4.0  # centimetres of a sheet; things are a little smaller

Random = np.random.Generator
_LETTERS = "ABDEFGHJKLMNPQRSTUWXYZabdeghknqrt23456789&%#@?"


def fractal_thing(design: Random, chance: Random) -> Piece:
    """Draw a fractal, coloured by the maps that made it or by how often it was visited."""
    side = round(SIDE * DENSITY)
    colours = shifted(chance, palette(design, 4))
    by_origin = design.random() < 0.6
    drawn = fractal(varied(system(design), chance), chance, side)
    strength = np.log1p(drawn.density) / np.log1p(drawn.density.max())
    level = drawn.origin if by_origin else strength
    stops = np.linspace(0, 1, len(colours))
    bands = [np.interp(level, stops, band) for band in np.array(colours, float).T]
    image = Image.fromarray(np.stack(bands, axis=-1).astype(np.uint8))
    dots = Image.fromarray((drawn.density > 0) * np.uint8(255))
    cover = dots.filter(ImageFilter.BoxBlur(1)).point([min(255, 3 * step) for step in range(256)])
    height = Image.fromarray(strength).reduce(DENSITY // COARSE)
    return Piece(with_cover(_grown(image, cover), cover), np.float32(0.3) * np.asarray(height), 0.2)


def _grown(image: Image.Image, cover: Image.Image) -> Image.Image:
    """Let the colours go on a little beyond their cover, so that no black seeps in."""
    wide = image.filter(ImageFilter.MaxFilter(3))
    return Image.composite(image, wide, cover.point([0] * 128 + [255] * 128))


def figure(design: Random, chance: Random) -> Piece:
    """Draw a flat or rounded figure with a pattern of its own on it."""
    corners = outline(design, chance)
    colours = shifted(chance, palette(design, int(design.integers(2, 5))))
    sheet = _sheet(surface(design, chance, colours, round(SIDE * DENSITY)))
    mask = sheet.silhouette(_placed(corners))
    if design.random() < 0.25:
        mask = ImageChops.subtract(mask, sheet.silhouette(_placed(corners * 0.45)))
    if design.random() < 0.4:
        inner = outline(design, chance) * float(design.uniform(0.25, 0.5))
        sheet.shape(_placed(inner), shifted(chance, palette(design, 1))[0])
    return sheet.solid(mask, *_relief(design))


def rosette(design: Random, chance: Random) -> Piece:
    """Draw rings of leaves round a middle, ring upon ring."""
    sheet = Sheet(SIDE, SIDE, (0, 0, 0))
    count, rings = int(design.integers(4, 26)), int(design.integers(1, 5))
    colours = shifted(chance, palette(design, rings + 2))
    breadth, length = float(design.uniform(0.12, 0.5)), float(design.uniform(0.4, 0.75))
    mask = Image.new("L", sheet.image.size)
    for ring in range(rings):
        reach = 0.96 * (1 - ring / (rings + 0.8))
        for leaf in range(count):
            angle = 2 * np.pi * (leaf + 0.5 * (ring % 2)) / count + chance.normal(0, 0.05)
            blade = _blade(angle, reach * chance.normal(1, 0.05), breadth * reach, length)
            shade = float(chance.uniform(0.78, 1.1)) * (1 - 0.12 * (leaf % 2))
            sheet.shape(_placed(blade), _shaded(colours[ring], shade))
            mask = ImageChops.lighter(mask, sheet.silhouette(_placed(blade)))
    middle = petals(design, int(design.integers(4, 30))) * float(design.uniform(0.12, 0.45))
    sheet.shape(_placed(middle), colours[-1])
    mask = ImageChops.lighter(mask, sheet.silhouette(_placed(middle)))
    _speckle(sheet, chance, colours[-2], float(np.abs(middle).max()))
    return sheet.solid(mask, 0.6, float(design.uniform(0.1, 0.3)), 0.1)


def _blade(angle: float, reach: float, breadth: float, start: float) -> Points:
    along = np.linspace(0, 1, 14)
    wide = breadth * np.sin(np.pi * along**0.8)
    x = np.concatenate([(1 - start) * reach + start * reach * along] * 2)
    x[14:] = x[13::-1]
    y = np.concatenate([wide, -wide[::-1]])
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * x - s * y, s * x + c * y], axis=1)


def _speckle(sheet: Sheet, chance: Random, colour: Colour, reach: float) -> None:
    for _ in range(40):
        spot = chance.normal(0, reach / 2.5, 2)
        size = float(chance.uniform(0.01, 0.03))
        sheet.shape(_placed(spot + size * np.array([(-1, 0), (0, -1), (1, 0), (0, 1)])), colour)


def glyph(design: Random, chance: Random) -> Piece:
    """Draw a written sign, of any colour: a letter, or one of an invented script."""
    ink, ground = palette(chance, 2)
    ink = _shaded(ink, 0.6) if sum(ground) > sum(ink) else _shaded(ink, 1.5)
    sheet = Sheet(SIDE, SIDE, ground)
    if design.random() < 0.4:
        letter = _LETTERS[int(design.integers(len(_LETTERS)))]
        style = Style((ink,), weight=float(chance.uniform(0, 0.09)))
        size = float(chance.uniform(2.2, 3)), float(chance.uniform(2.6, 3.2))
        sheet.word(letter, style, (SIDE / 2, SIDE / 2), size, float(chance.normal(0, 6)))
    else:
        for stroke in _strokes(design):
            bent = _placed(0.8 * (stroke + chance.normal(0, 0.03, stroke.shape)))
            sheet.line([(float(x), float(y)) for x, y in bent], chance.uniform(0.18, 0.4), ink)
    plate = chance.uniform(1.75, 1.98)
    edge = box(SIDE / 2 - plate, SIDE / 2 - plate, SIDE / 2 + plate, SIDE / 2 + plate)
    return sheet.solid(sheet.silhouette(edge), 0.2, 0.1, 0.2)


def _strokes(design: Random) -> list[Points]:
    """Return a few bent strokes, as of a script (after Lake et al., 2015)."""
    along = np.linspace(0, 1, 16)[:, None]
    strokes = []
    for _ in range(int(design.integers(2, 5))):
        start, bend, end = design.uniform(-1, 1, (3, 2))
        strokes.append((1 - along) ** 2 * start + 2 * along * (1 - along) * bend + along**2 * end)
    return strokes


def pack(design: Random, chance: Random) -> Piece:
    """Draw a printed pack: a patterned ground, a band, a word and an emblem."""
    height = float(design.uniform(1.2, SIDE))
    colours = shifted(chance, palette(design, 5))
    sheet = Sheet(SIDE, height, colours[0])
    if design.random() < 0.5:
        print_ = surface(design, chance, colours[:2], round(SIDE * DENSITY))
        sheet.paste(print_.convert("RGBA"), (SIDE / 2, height / 2), (SIDE, SIDE))
    slant = float(design.normal(0, 0.5))
    low, high = sorted(design.uniform(0, height, 2).tolist())
    band = [(0, low + slant), (SIDE, low - slant), (SIDE, high - slant), (0, high + slant)]
    sheet.shape(band, colours[2])
    emblem = outline(design, chance) * float(design.uniform(0.3, 0.9)) * height / 2
    middle = design.uniform(0.2, 0.8, 2) * (SIDE, height)
    sheet.shape(emblem + middle, colours[3])
    _lettered(sheet, design, colours[4])
    reach = 0.04 + 0.03 * float(chance.random())
    mask = sheet.silhouette(box(reach, reach, SIDE - reach, height - reach))
    return sheet.solid(mask, *_relief(design))


def _lettered(sheet: Sheet, design: Random, ink: Colour) -> None:
    letters = design.choice(list(_LETTERS[:30]), int(design.integers(3, 8)))
    edge: Colour | None = (255, 255, 255) if design.random() < 0.4 else None
    style = Style((ink,), float(design.uniform(0, 0.08)), float(design.choice((0, 0.3))), edge)
    size = float(design.uniform(0.55, 0.9)) * sheet.width, float(design.uniform(0.25, 0.5))
    centre = sheet.width / 2, sheet.height * float(design.uniform(0.35, 0.65))
    sheet.word("".join(letters), style, centre, (size[0], size[1] * sheet.height))


def heap(design: Random, chance: Random) -> Piece:
    """Draw many small things of one sort, strewn about: sweets, beans, beads, petals."""
    sheet = Sheet(SIDE, SIDE, (0, 0, 0))
    kinds = palette(design, int(design.integers(1, 6)))
    colours, size = shifted(chance, kinds), float(design.uniform(0.16, 0.4))
    corners, spread = outline(design, chance), float(design.uniform(0.3, 0.55))
    mask = Image.new("L", sheet.image.size)
    for _ in range(int(chance.integers(6, 28))):
        angle, spot = chance.uniform(0, 2 * np.pi), chance.normal(0, spread, 2).clip(-0.7, 0.7)
        c, s = np.cos(angle), np.sin(angle)
        turned = corners @ np.array([[c, s], [-s, c]]) * size * chance.normal(1, 0.06) * 0.75
        colour = colours[int(chance.integers(len(colours)))]
        sheet.shape(_placed(turned * 1.12 + spot), _shaded(colour, 0.45))
        sheet.shape(_placed(turned + spot), _shaded(colour, float(chance.uniform(0.85, 1.1))))
        sheet.shape(_placed(turned * 0.35 + spot - 0.3 * size), _shaded(colour, 1.3))
        mask = ImageChops.lighter(mask, sheet.silhouette(_placed(turned + spot)))
    return sheet.solid(mask, 0.4, float(design.uniform(0.1, 0.25)), float(design.uniform(0, 0.8)))


def texture(design: Random, chance: Random, side: int = 256) -> Image.Image:
    """Draw a surface to look at from near, in the colours of its kind."""
    colours = shifted(chance, palette(design, int(design.integers(2, 5))))
    drawn = surface(design, chance, colours, side)
    rough = float(design.uniform(0, 0.12))
    level = 1 + rough * smooth(chance, (side, side), (side // 4, side // 4))
    grey = Image.fromarray((np.clip(level, 0, 2) * 127.5).astype(np.uint8))
    half = ImageChops.multiply(drawn, Image.merge("RGB", (grey, grey, grey)))
    return ImageChops.add(half, half)


def _sheet(image: Image.Image) -> Sheet:
    sheet = Sheet(SIDE, SIDE, (0, 0, 0))
    sheet.image.paste(image.resize(sheet.image.size, Image.Resampling.BILINEAR))
    return sheet


def _relief(design: Random) -> tuple[float, float, float]:
    """Draw thickness and roundness (centimetres) and gloss (0..1)."""
    thick, soft = design.uniform(0.1, 1.2), design.uniform(0.05, 0.6)
    return float(thick), float(soft), float(design.uniform(0, 0.8))


def _placed(points: Points) -> Points:
    """Return points of -1..1 in centimetres on a sheet."""
    return (points * 0.97 + 1) * (SIDE / 2)


def _shaded(colour: Colour, level: float) -> Colour:
    red, green, blue = (min(255, int(part * level)) for part in colour)
    return red, green, blue


THINGS: tuple[Callable[[Random, Random], Piece], ...] = (
    fractal_thing,
    figure,
    rosette,
    glyph,
    pack,
    heap,
)
