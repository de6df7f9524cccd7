"""What the sweets lie on: wood, cloth, marble, tiles, paper, grass, carpet, stone, plain tops."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from kerastl.data.drawing.camera import Camera
from kerastl.data.drawing.ground import spread, tinted
from kerastl.data.drawing.lettering import Colour
from kerastl.data.drawing.noise import Field, cloudy, smooth

SIDE = 400  # pixels of a square texture
VARIANTS = 3

_SHAPE = (SIDE, SIDE)
_Y, _X = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)


def _tinted(level: Field, colour: Colour) -> Image.Image:
    """Return the colour, lighter or darker by `level` (1 leaves it)."""
    grey = Image.fromarray(np.clip(level * 128, 0, 255).astype(np.uint8))
    bands = [grey.point([channel * step // 128 for step in range(256)]) for channel in colour]
    return Image.merge("RGB", bands)


def _choice(rng: np.random.Generator, *colours: Colour) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _wood(rng: np.random.Generator) -> Image.Image:
    colour = _choice(rng, (176, 126, 80), (120, 78, 48), (206, 170, 124), (150, 140, 128))
    plank = np.floor(_Y / SIDE * int(rng.integers(3, 8)))
    tone = rng.uniform(0.82, 1.1, 16).astype(np.float32)[plank.astype(int)]
    stretch = smooth(rng, _SHAPE, (40, 3)) + 0.6 * smooth(rng, _SHAPE, (130, 8))
    rings = np.sin(_Y * 0.22 + 2.2 * smooth(rng, _SHAPE, (8, 3)) + plank * 2)
    gaps = 1 - 0.5 * (np.abs(np.diff(plank, axis=0, append=plank[-1:])) > 0)
    return _tinted(tone * (1 + 0.07 * stretch + 0.07 * rings) * gaps, colour)


def _cloth(rng: np.random.Generator) -> Image.Image:
    colour = _choice(rng, (190, 60, 60), (210, 204, 190), (70, 90, 140), (110, 130, 100))
    step = float(rng.uniform(1.1, 2.1))
    weave = np.sin(_X * step) * np.sin(_Y * step) + 0.5 * rng.standard_normal(_SHAPE, np.float32)
    folds = smooth(rng, _SHAPE, (3, 5))
    return _tinted(1 + 0.08 * weave + 0.1 * folds, colour)


def _checked(rng: np.random.Generator) -> Image.Image:
    colour = _choice(rng, (190, 30, 40), (40, 70, 150), (40, 110, 70), (90, 50, 120))
    period = int(rng.integers(26, 70))
    thread = 1 + 0.05 * rng.standard_normal(_SHAPE, np.float32)
    linen, dyed = _tinted(thread, (238, 238, 234)), _tinted(thread, colour)
    stripes = (_X % period < period // 2).astype(np.uint8) + (_Y % period < period // 2)
    return Image.composite(dyed, linen, Image.fromarray(stripes * np.uint8(127)))


def _marble(rng: np.random.Generator) -> Image.Image:
    colour = _choice(rng, (226, 224, 220), (206, 200, 190), (60, 62, 66))
    veins = np.abs(cloudy(rng, _SHAPE, 3, 4))
    level = 1 - 0.35 * np.exp(-veins * 14) + 0.04 * cloudy(rng, _SHAPE, 5, 2)
    return _tinted(level, colour)


def _tiles(rng: np.random.Generator) -> Image.Image:
    colour = _choice(rng, (214, 206, 190), (150, 170, 176), (184, 110, 80), (96, 100, 104))
    period = int(rng.integers(60, 150))
    row, column = (_Y // period).astype(int), (_X // period).astype(int)
    tone = rng.uniform(0.88, 1.08, (16, 16)).astype(np.float32)[row, column]
    joint = (_Y % period < 3) | (_X % period < 3)
    speckle = 0.03 * cloudy(rng, _SHAPE, 16, 3)
    return _tinted(np.where(joint, 0.62, tone + speckle), colour)


def _paper(rng: np.random.Generator) -> Image.Image:
    level = 1 + 0.03 * smooth(rng, _SHAPE, (3, 3))
    sheet = _tinted(level + 0.015 * rng.standard_normal(_SHAPE, np.float32), (240, 239, 233))
    pencil = ImageDraw.Draw(sheet)
    if rng.random() < 0.5:
        for y in range(0, SIDE, 18):
            pencil.line((0, y, SIDE, y), (150, 180, 220))
    margin = int(rng.integers(20, SIDE))
    pencil.line((margin, 0, margin, SIDE), (224, 130, 130), 2)
    return sheet


def _grass(rng: np.random.Generator) -> Image.Image:
    colour = np.array(_choice(rng, (84, 122, 46), (112, 128, 58), (70, 108, 50)))
    lawn = Image.new("RGB", _SHAPE, tuple((colour * 0.55).astype(int).tolist()))
    pencil = ImageDraw.Draw(lawn)
    roots = rng.uniform(0, SIDE, (6000, 2))
    tips = roots + rng.normal(0, (5, 11), (6000, 2))
    shades = np.clip(colour * rng.uniform(0.5, 1.35, (6000, 1)), 0, 255).astype(int)
    blades = np.concatenate([roots, tips], axis=1).tolist()
    for blade, shade in zip(blades, shades.tolist(), strict=True):
        pencil.line(blade, tuple(shade), 2)
    return lawn


def _carpet(rng: np.random.Generator) -> Image.Image:
    colour = _choice(rng, (120, 112, 104), (130, 44, 48), (60, 70, 100), (174, 160, 140))
    tufts = rng.standard_normal(_SHAPE, np.float32) * 0.14 + 0.1 * smooth(rng, _SHAPE, (110, 110))
    return _tinted(1 + tufts + 0.05 * smooth(rng, _SHAPE, (4, 4)), colour)


def _stone(rng: np.random.Generator) -> Image.Image:
    colour = _choice(rng, (150, 148, 144), (112, 110, 108), (176, 164, 150))
    specks = np.where(rng.random(_SHAPE, np.float32) < 0.03, np.float32(rng.uniform(-0.4, 0.3)), 0)
    return _tinted(1 + 0.09 * cloudy(rng, _SHAPE, 6, 5) + specks, colour)


def _plain(rng: np.random.Generator) -> Image.Image:
    colours = ((226, 222, 214), (190, 60, 70), (60, 90, 150), (40, 40, 44))
    one, other = (_tinted(np.ones(_SHAPE, np.float32), _choice(rng, *colours)) for _ in range(2))
    share = np.clip((_X + _Y) / (2 * SIDE) + 0.1 * smooth(rng, _SHAPE, (3, 3)), 0, 1)
    return Image.composite(one, other, Image.fromarray((share * 255).astype(np.uint8)))


_GROUNDS = (
    _wood,
    _wood,
    _cloth,
    _checked,
    _marble,
    _tiles,
    _paper,
    _grass,
    _carpet,
    _stone,
    _plain,
)


@lru_cache(maxsize=len(_GROUNDS) * VARIANTS)
def _texture(ground: int, variant: int) -> Image.Image:
    return _GROUNDS[ground](np.random.default_rng((ground, variant, 81)))


def ground(rng: np.random.Generator, view: Camera) -> Image.Image:
    """Return the bare ground as the camera sees it, RGB, in a tint of its own."""
    texture = _texture(int(rng.integers(len(_GROUNDS))), int(rng.integers(VARIANTS)))
    return tinted(rng, spread(rng, view, texture))
