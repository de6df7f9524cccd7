"""Flat drawings of things as seen from straight above, in centimetres, with their relief."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from kerastl.data.drawing.lettering import Colour, Style, word
from kerastl.data.drawing.noise import Field

DENSITY = 24  # pixels to a centimetre of a finished drawing
FINE = 2 * DENSITY  # while it is being drawn, so that edges come out smooth
COARSE = DENSITY // 2  # of the relief, which light smooths anyway

Point = tuple[float, float]
Points = Sequence[Point] | npt.NDArray[np.float64]


class Piece(NamedTuple):
    """One thing: colours and cover (`with_cover`), heights (centimetres) at `COARSE`, shine."""

    colours: Image.Image
    height: Field
    gloss: float

    @property
    def size(self) -> Point:
        """Width and height in centimetres."""
        return self.colours.width / DENSITY, self.colours.height / DENSITY


def oval(centre: Point, radii: Point, degrees: float = 0.0) -> npt.NDArray[np.float64]:
    """Return the outline of an ellipse as points."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    x, y = radii[0] * np.cos(turn), radii[1] * np.sin(turn)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.stack([centre[0] + c * x - s * y, centre[1] + s * x + c * y], axis=1)


def box(left: float, top: float, right: float, bottom: float) -> list[Point]:
    """Return the outline of a rectangle as points."""
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def with_cover(colours: Image.Image, cover: Image.Image) -> Image.Image:
    """Join an RGB image and the mask of what it covers.

    The mode is RGBX rather than RGBA: Pillow multiplies RGBA by its alpha, and back, around each
    resampling. That costs as much again, and pieces go on beyond their edges in the same colours.
    """
    return Image.merge("RGBX", (*colours.split()[:3], cover))


class Sheet:
    """A drawing surface measured in centimetres."""

    def __init__(self, width: float, height: float, colour: Colour) -> None:
        """Lay out a sheet of one colour."""
        columns, rows = round(width * COARSE), round(height * COARSE)
        self.width, self.height = columns / COARSE, rows / COARSE
        scale = FINE // COARSE
        self.image = Image.new("RGB", (columns * scale, rows * scale), colour)
        self._pencil = ImageDraw.Draw(self.image)

    def shape(self, points: Points, colour: Colour) -> None:
        """Fill the polygon with these corners."""
        self._pencil.polygon(_pixels(points), fill=colour)

    def line(self, points: Points, width: float, colour: Colour) -> None:
        """Draw a line through the points."""
        self._pencil.line(_pixels(points), colour, max(1, round(width * FINE)), joint="curve")

    def word(
        self, text: str, style: Style, centre: Point, size: Point, degrees: float = 0.0
    ) -> None:
        """Set a word stretched to `size` (width, height), turned anticlockwise."""
        self.paste(word(text, style), centre, size, degrees)

    def paste(self, image: Image.Image, centre: Point, size: Point, degrees: float = 0.0) -> None:
        """Paste an image stretched to `size` (width, height), turned; its last band is a mask."""
        pixels = (max(1, round(size[0] * FINE)), max(1, round(size[1] * FINE)))
        stretched = image.resize(pixels, Image.Resampling.BILINEAR, reducing_gap=2.0)
        if degrees:
            stretched = stretched.rotate(degrees, Image.Resampling.BILINEAR, expand=True)
        left = round(centre[0] * FINE - stretched.width / 2)
        top = round(centre[1] * FINE - stretched.height / 2)
        *colours, cover = stretched.split()
        self.image.paste(Image.merge("RGB", colours), (left, top), cover)

    def lines_of_print(
        self, rng: np.random.Generator, area: tuple[float, float, float, float], colour: Colour
    ) -> None:
        """Fill an area (left, top, right, bottom) with print too small to read."""
        left, top, right, bottom = area
        for y in np.arange(top, bottom, 0.2):
            x = left
            while x < right:
                length = float(rng.uniform(0.1, 0.5))
                self.line([(x, y), (min(x + length, right), y)], 0.07, colour)
                x += length + 0.1

    def silhouette(self, *outlines: Points) -> Image.Image:
        """Return the mask of the given polygons together, at `FINE`."""
        mask = Image.new("L", self.image.size)
        pencil = ImageDraw.Draw(mask)
        for points in outlines:
            pencil.polygon(_pixels(points), fill=255)
        return mask

    def piece(self, mask: Image.Image, height: Field, gloss: float) -> Piece:
        """Cut the sheet along a mask and give it the relief."""
        cut = with_cover(self.image, mask)
        return Piece(cut.reduce(FINE // DENSITY), height, gloss)

    def solid(self, mask: Image.Image, thickness: float, roundness: float, gloss: float) -> Piece:
        """Cut the sheet along a mask and round the edges over `roundness` centimetres."""
        low = mask.reduce(FINE // COARSE).filter(ImageFilter.GaussianBlur(roundness * COARSE))
        rise = np.clip(np.asarray(low, np.float32) / 127.5 - 1, 0, 1)
        return self.piece(mask, np.sqrt(rise * (2 - rise)) * np.float32(thickness), gloss)

    def grid(self) -> tuple[Field, Field]:
        """Return x and y in centimetres at each point of the relief."""
        x = (np.arange(round(self.width * COARSE), dtype=np.float32) + 0.5) / COARSE
        y = (np.arange(round(self.height * COARSE), dtype=np.float32) + 0.5) / COARSE
        return np.tile(x, (len(y), 1)), np.tile(y[:, None], (1, len(x)))


def _pixels(points: Points) -> list[Point]:
    return [(float(x) * FINE, float(y) * FINE) for x, y in points]
