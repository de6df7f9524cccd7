"""Things laid on a ground, each with its light and its shadow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from kerastl.data.drawing.camera import Camera, Spot, laid
from kerastl.data.drawing.light import Light, crumpled, relit
from kerastl.data.drawing.pieces import DENSITY, Piece, Point

SHADOW = (22, 19, 24)
MARGIN = 15  # pixels that a shadow may reach beyond its piece
SOFT = 3  # shadows are soft: they are drawn at this fraction of the photo's resolution


class Part(NamedTuple):
    """A thing, where it lies, and how crumpled it is (0..1)."""

    piece: Piece
    spot: Spot
    crumple: float = 0.0


class Scene(NamedTuple):
    """A photo being composed: what chance it follows, its camera, its light, the view so far."""

    rng: np.random.Generator
    view: Camera
    light: Light
    photo: Image.Image


def any_turn(rng: np.random.Generator) -> float:
    """Turn by any angle (radians)."""
    return float(rng.uniform(0, 2 * np.pi))


def any_middle(scene: Scene) -> Point:
    """Choose where in the photo (pixels) the subject lies; at times half out of the frame."""
    rows, columns = scene.view.size
    reach = 0.32 if scene.rng.random() < 0.2 else 0.13
    x, y = scene.rng.uniform(-reach, reach, 2)
    return columns * (0.5 + float(x)), rows * (0.5 + float(y))


def on_ground(scene: Scene, pixel: Point) -> Point:
    """Return the place on the ground (centimetres) that a pixel shows."""
    spot = scene.view.to_ground(np.array([pixel]))[0]
    return float(spot[0]), float(spot[1])


def away_from(scene: Scene, middle: Point, near: float) -> Point:
    """Choose a place on the ground that is at least `near` pixels from the subject's middle."""
    rows, columns = scene.view.size
    pixel = middle
    while np.hypot(pixel[0] - middle[0], pixel[1] - middle[1]) < near:
        pixel = (float(scene.rng.uniform(0, columns)), float(scene.rng.uniform(0, rows)))
    return on_ground(scene, pixel)


def lay(scene: Scene, part: Part, lift: float, lettered: bool = False) -> None:
    """Lay a piece, `lift` centimetres thick, down with its shadow; letters want more pixels."""
    piece, spot = part.piece, part.spot
    dents = None
    if part.crumple:
        dents = crumpled(scene.rng, piece.height.shape, part.crumple)
    enough = DENSITY * (0.66 if lettered else 1.2)  # above this scale half would look coarse
    halved = scene.view.pixels_per_centimetre((spot.x, spot.y)) < enough
    lit = relit(piece, scene.light, spot.turned, dents, halved)
    placed = laid(scene.view, lit, spot, piece.size)
    if placed:
        image, corner = placed
        cover = image.getchannel("X")
        _shade(scene, cover, corner, lift)
        scene.photo.paste(image.convert("RGB"), corner, cover)


def _shade(scene: Scene, cover: Image.Image, corner: tuple[int, int], lift: float) -> None:
    """Darken the photo where a piece keeps the light off."""
    x, y, z = scene.light.towards(0)
    reach = min(MARGIN / 2, lift / z * scene.view.scale)
    coarse = cover.reduce(SOFT)
    size = coarse.width + 2 * MARGIN // SOFT, coarse.height + 2 * MARGIN // SOFT
    mask = Image.new("L", size)
    strength = 0.95 - scene.light.ambient
    start = round((MARGIN - x * reach) / SOFT), round((MARGIN - y * reach) / SOFT)
    mask.paste(round(255 * strength), start, coarse)
    soft = mask.filter(ImageFilter.GaussianBlur(0.5 + 0.1 * reach))
    full = soft.resize((size[0] * SOFT, size[1] * SOFT), Image.Resampling.BILINEAR)
    scene.photo.paste(SHADOW, (corner[0] - MARGIN, corner[1] - MARGIN), full)
