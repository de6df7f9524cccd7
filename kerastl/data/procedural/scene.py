"""One image from beginning to end: ground, bystanders, the thing itself, light and lens."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from kerastl.data.drawing.camera import Spot, camera
from kerastl.data.drawing.film import developed
from kerastl.data.drawing.ground import spread, tinted
from kerastl.data.drawing.light import any_light
from kerastl.data.drawing.pieces import Piece
from kerastl.data.drawing.scene import Part, Scene, any_turn, lay, on_ground
from kerastl.data.procedural import CLASSES, FAMILIES
from kerastl.data.procedural.things import SIDE, THINGS, texture

PATTERNS = 6  # of each kind are kept and laid down again and again, each time another way
BYSTANDERS = 150  # things of no class
GROUNDS = 120

# Designs of things of no class begin here, so that they meet those of no class.
_STRANGE = 10_000
_UPRIGHT = ("glyph", "pack")


def photographed(label: int, seed: int, size: int) -> npt.NDArray[np.uint8]:
    """Draw one image of a label's kind, RGB `[size, size, 3]` of 0..255."""
    rng = np.random.default_rng((seed, label, 17))
    family, number = CLASSES[label].rsplit("-", 1)
    if family == "texture":
        scene = _scene(rng, _texture(int(number), _any(rng, PATTERNS)), size, 0.9)
        _bystand(scene, 0.5)
    else:
        scene = _scene(rng, _ground(_any(rng, GROUNDS)), size, float(rng.uniform(0.5, 1.05)))
        _bystand(scene, 0.8)
        _lay_subject(scene, family, int(number))
        _bystand(scene, 0.15)
    return np.asarray(developed(rng, scene.photo))


def _any(rng: np.random.Generator, count: int) -> int:
    return int(rng.integers(count))


def _scene(rng: np.random.Generator, ground: Image.Image, size: int, extent: float) -> Scene:
    """Set up camera, light and ground; a thing will take the extent (share) of the frame."""
    tilt = float(rng.uniform(0, 0.9)) if rng.random() < 0.6 else 0.0
    view = camera((size, size), size * extent / SIDE, tilt)
    return Scene(rng, view, any_light(rng), tinted(rng, spread(rng, view, ground)))


def _bystand(scene: Scene, likely: float) -> None:
    """Lay down things of no class, away from the middle."""
    rng, size = scene.rng, scene.view.size[0]
    for chance in rng.random(3):
        if chance > likely * 0.5:
            continue
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.42, 0.65) * size
        pixel = size / 2 + reach * np.cos(angle), size / 2 + reach * np.sin(angle)
        x, y = on_ground(scene, (float(pixel[0]), float(pixel[1])))
        piece = _bystander(_any(rng, BYSTANDERS))
        lay(scene, Part(piece, Spot(x, y, any_turn(rng))), lift=0.3)


def _lay_subject(scene: Scene, family: str, number: int) -> None:
    """Lay down the thing, now and then twice, turned as far as its kind allows."""
    rng, size = scene.rng, scene.view.size[0]
    for _ in range(2 if rng.random() < 0.12 else 1):
        x, y = on_ground(scene, tuple((size * (0.5 + rng.normal(0, 0.08, 2))).tolist()))
        readable = family in _UPRIGHT and rng.random() < 0.8
        turned = float(rng.normal(0, 0.35)) if readable else any_turn(rng)
        bend = float(rng.normal(0, 0.25)) if rng.random() < 0.3 else 0.0
        crumple = float(rng.uniform(0.1, 1)) if rng.random() < 0.3 else 0.0
        piece = _thing(family, number, _any(rng, PATTERNS))
        lay(scene, Part(piece, Spot(x, y, turned, bend), crumple), lift=float(rng.uniform(0.1, 1)))


@cache
def _thing(family: str, number: int, pattern: int) -> Piece:
    kind = [*FAMILIES].index(family)
    design = np.random.default_rng((kind, number, 61))
    return THINGS[kind](design, np.random.default_rng((kind, number, pattern, 62)))


@cache
def _texture(number: int, pattern: int) -> Image.Image:
    design = np.random.default_rng((number, 63))
    return texture(design, np.random.default_rng((number, pattern, 64)))


def _bystander(number: int) -> Piece:
    return _thing([*FAMILIES][number % len(THINGS)], _STRANGE + number, 0)


def _ground(number: int) -> Image.Image:
    return _texture(_STRANGE + number, 0)
