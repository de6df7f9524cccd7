"""What of each kind a photo is about: whole packs, opened ones, bare bars, loose sweets."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kerastl.data.candy import kit_kat, mars, skittles, smarties
from kerastl.data.candy.packs import torn
from kerastl.data.candy.sweets import SKITTLE, SMARTIE, Sweet
from kerastl.data.drawing.camera import Spot
from kerastl.data.drawing.pieces import Piece, Point
from kerastl.data.drawing.scene import Part

DESIGNS = 12  # drawings of each pack


class Spill(NamedTuple):
    """Loose sweets: how many, about which place, how far they rolled (centimetres)."""

    sweet: Sweet
    number: int
    middle: Point
    spread: float
    colours: int


class Subject(NamedTuple):
    """Parts in the order in which they were laid down, loose sweets, and the group's extent."""

    parts: tuple[Part, ...]
    spill: Spill | None
    extent: float


def _design(rng: np.random.Generator) -> int:
    return int(rng.integers(DESIGNS))


def _beside(rng: np.random.Generator, piece: Piece, distance: float) -> Spot:
    """Return a place for a piece under or over a pack that lies in the middle."""
    side = 1 if rng.random() < 0.5 else -1
    return Spot(
        float(rng.uniform(-3, 3)),
        side * (distance + piece.size[1] * 0.5),
        float(rng.normal(0, 0.35)) + (np.pi if rng.random() < 0.5 else 0),
    )


def _whole(rng: np.random.Generator, pack: Piece, stiff: bool = False) -> Part:
    """Lay down a pack, more or less crumpled and curled."""
    bend = 0.0 if stiff or rng.random() < 0.4 else float(rng.normal(0, 0.5))
    crumple = 0.15 if stiff else float(rng.uniform(0.2, 1.1))
    return Part(pack, Spot(0, 0, 0, bend), crumple)


def _opened(rng: np.random.Generator, pack: Piece, content: Piece) -> tuple[Part, ...]:
    """Tear a pack open over its content."""
    left = torn(rng, pack, float(rng.uniform(0.5, 0.72)))
    shift = (pack.size[0] - content.size[0]) / 2 + float(rng.uniform(-0.3, 0.8))
    return Part(content, Spot(shift, 0, 0)), Part(left, Spot(0, 0, 0), float(rng.uniform(0.3, 1)))


def _bars(
    rng: np.random.Generator,
    wrapper: Callable[[int], Piece],
    bare: Callable[[int], Piece],
    fitting: Callable[[int], int],
) -> Subject:
    """Compose a bar: wrapped, opened, beside its wrapper, or bare."""
    design, chance = _design(rng), rng.random()
    pack = wrapper(design)
    if chance < 0.4:
        return Subject((_whole(rng, pack),), None, pack.size[0])
    if chance < 0.5:
        other = _whole(rng, wrapper(_design(rng)))
        under = other._replace(spot=_beside(rng, other.piece, pack.size[1] * 0.25))
        return Subject((under, _whole(rng, pack)), None, pack.size[0] * 1.15)
    if chance < 0.72:
        return Subject(_opened(rng, pack, bare(fitting(design))), None, pack.size[0])
    content = bare(_design(rng))
    if chance < 0.86:
        beside = Part(content, _beside(rng, content, pack.size[1] * 0.45))
        return Subject((_whole(rng, pack), beside), None, pack.size[0] * 1.1)
    first = bare(fitting(design))
    second = Part(content, _beside(rng, content, first.size[1] * 0.55))
    return Subject((Part(first, Spot(0, 0, 0)), second), None, first.size[0] * 1.1)


def _sugared(
    rng: np.random.Generator, packs: Callable[[int], Piece], sweet: Sweet, stiff: bool
) -> Subject:
    """Compose sugar-coated sweets: in the pack, spilled from it, or loose."""
    pack, chance = packs(_design(rng)), rng.random()
    colours = int(rng.integers(3, len(sweet.colours) + 1))
    if chance < 0.28:
        number = int(rng.integers(9, 32))
        spill = Spill(sweet, number, (0, 0), float(rng.uniform(1.2, 2.7)), colours)
        return Subject((), spill, float(rng.uniform(6.5, 9.5)))
    part = _whole(rng, pack, stiff)
    if chance < 0.62:
        return Subject((part,), None, pack.size[0])
    middle = (pack.size[0] * 0.5 + 1.2, float(rng.normal(0, 1.5)))
    if rng.random() < 0.4:
        middle = (float(rng.uniform(-3, 3)), pack.size[1] * 0.5 + 1.8)
    spill = Spill(sweet, int(rng.integers(4, 22)), middle, float(rng.uniform(1.2, 2.6)), colours)
    return Subject((part,), spill, pack.size[0] * 1.15)


def _fingers_for(design: int) -> int:
    """Return the bare fingers that fit a wrapper: four in the wide ones, two in the narrow."""
    return 1 + 5 * (design % 3) if design % 2 == 0 else 5 * (design % 3)


def _cut_bar_for(design: int) -> int:
    """Return a long bar, cut across."""
    return (3, 6, 9)[design % 3]


def subject(rng: np.random.Generator, label: int) -> Subject:
    """Compose what the photo is about, for the label's kind of candy."""
    if label == 0:
        return _bars(rng, kit_kat.wrapper, kit_kat.fingers, _fingers_for)
    if label == 1:
        return _bars(rng, mars.wrapper, mars.bar, _cut_bar_for)
    if label == 2:
        return _sugared(rng, skittles.bag, SKITTLE, stiff=False)
    return _sugared(rng, smarties.pack, SMARTIE, stiff=True)
