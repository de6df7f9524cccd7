"""One photo from beginning to end: ground, clutter, subject, loose sweets, and the file."""

from __future__ import annotations

import numpy as np
from PIL import Image

from kerastl.data.candy.clutter import LARGE, SMALL
from kerastl.data.candy.grounds import ground
from kerastl.data.candy.rivals import pack as rival_pack
from kerastl.data.candy.subjects import Spill, Subject, subject
from kerastl.data.candy.sweets import cell_width, rounded_light, sweet_image
from kerastl.data.candy.treats import TREATS
from kerastl.data.drawing.camera import Spot, camera
from kerastl.data.drawing.film import developed, jpeg
from kerastl.data.drawing.light import any_light
from kerastl.data.drawing.pieces import Point
from kerastl.data.drawing.scene import Part, Scene, any_middle, any_turn, away_from, lay, on_ground

DESIGNS = 8  # of each piece of clutter
RIVALS = 30  # of the other brands' packs


def photograph(label: int, seed: int, size: tuple[int, int]) -> bytes:
    """Draw one photo of the label's kind; returns a JPEG file."""
    rng = np.random.default_rng((seed, label))
    about = subject(rng, label)
    scale = size[1] * float(rng.uniform(0.6, 1.08)) / about.extent
    view = camera(size, scale, float(rng.uniform(0, 0.85)))
    scene = Scene(rng, view, any_light(rng), ground(rng, view))
    middle = any_middle(scene)
    _clutter(scene, middle)
    _lay_subject(scene, about, middle)
    if rng.random() < 0.3:
        _scatter(scene, 1, middle, near=60)
    return jpeg(rng, developed(rng, scene.photo))


def _clutter(scene: Scene, middle: Point) -> None:
    """Lay down what is not the subject, and lies under it where they meet."""
    rng = scene.rng
    for _ in range(_up_to_two(rng, 0.45)):
        large = LARGE[int(rng.integers(len(LARGE)))](int(rng.integers(DESIGNS)))
        x, y = away_from(scene, middle, near=70)
        lay(scene, Part(large, Spot(x, y, any_turn(rng))), lift=0.3)
    for _ in range(_up_to_two(rng, 0.65)):
        x, y = away_from(scene, middle, near=75)
        pack = rival_pack(int(rng.integers(RIVALS)))
        crumple = float(rng.uniform(0.1, 1))
        lay(scene, Part(pack, Spot(x, y, any_turn(rng)), crumple), lift=0.6, lettered=True)
    if rng.random() < 0.3:
        _treats(scene, middle)
    _scatter(scene, _up_to_two(rng, 0.4), middle, near=60)


def _up_to_two(rng: np.random.Generator, likely: float) -> int:
    """Return 0, 1 or, in a quarter of the `likely` cases, 2."""
    chance = float(rng.random())
    return int(chance < likely) + int(chance < likely / 4)


def _treats(scene: Scene, middle: Point) -> None:
    """Lay down a few sweets of one other sort, close together."""
    rng = scene.rng
    treat = TREATS[int(rng.integers(len(TREATS)))]
    x, y = away_from(scene, middle, near=80)
    for _ in range(int(rng.integers(1, 4))):
        spot = Spot(x + float(rng.normal(0, 2)), y + float(rng.normal(0, 2)), any_turn(rng))
        lay(scene, Part(treat(int(rng.integers(DESIGNS))), spot), lift=0.4)


def _scatter(scene: Scene, count: int, middle: Point, near: float) -> None:
    """Lay down small things."""
    for _ in range(count):
        small = SMALL[int(scene.rng.integers(len(SMALL)))](int(scene.rng.integers(DESIGNS)))
        x, y = away_from(scene, middle, near)
        lay(scene, Part(small, Spot(x, y, any_turn(scene.rng))), lift=0.25)


def _lay_subject(scene: Scene, about: Subject, middle: Point) -> None:
    """Lay down the subject, turned at will but more often readable than upside down."""
    x, y = on_ground(scene, middle)
    turned = float(scene.rng.normal(0, 0.9)) if scene.rng.random() < 0.7 else any_turn(scene.rng)
    c, s = float(np.cos(turned)), float(np.sin(turned))
    for part in about.parts:
        own = part.spot
        spot = Spot(
            x + c * own.x - s * own.y, y + s * own.x + c * own.y, own.turned + turned, own.bend
        )
        lay(scene, part._replace(spot=spot), lift=0.8, lettered=True)
    if about.spill:
        u, v = about.spill.middle
        _spill(scene, about.spill, (x + c * u - s * v, y + s * u + c * v))


def _fallen(rng: np.random.Generator, spill: Spill) -> list[Point]:
    """Return where the sweets came to rest: none on top of another, unless they are crowded."""
    spots: list[Point] = []
    room = spill.sweet.width * 0.94
    for _ in range(spill.number):
        for attempt in range(8):
            spread = spill.spread * (1 + 0.12 * attempt)
            x, y = (float(shift) for shift in rng.normal(0, spread, 2))
            if all((x - a) ** 2 + (y - b) ** 2 > room * room for a, b in spots):
                break
        spots.append((x, y))
    return sorted(spots, key=lambda spot: spot[1])


def _spill(scene: Scene, spill: Spill, middle: Point) -> None:
    """Scatter the loose sweets."""
    rng, light = scene.rng, rounded_light(scene.light)
    palette = rng.permutation(len(spill.sweet.colours))[: spill.colours]
    spots = np.array(_fallen(rng, spill)) + middle
    middles = scene.view.to_photo(spots)
    beside = np.add(spots, (cell_width(spill.sweet), 0))
    widths = scene.view.to_photo(beside)[:, 0] - middles[:, 0]
    foreshortened = 0.3 + 0.7 * float(np.cos(scene.view.tilt))
    for (left, top), width in zip(middles.tolist(), widths.tolist(), strict=True):
        colour = spill.sweet.colours[int(palette[int(rng.integers(len(palette)))])]
        size = max(4, round(width)), max(4, round(width * foreshortened))
        image = sweet_image(rng, spill.sweet, colour, light)
        image = image.resize(size, Image.Resampling.BILINEAR)
        corner = round(left - size[0] / 2), round(top - size[1] / 2)
        scene.photo.paste(image.convert("RGB"), corner, image.getchannel("X"))
