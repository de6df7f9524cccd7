"""Words for wrappers: Pillow's one built-in font made bold, slanted, outlined and many-coloured."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

FONT_SIZE = 60


class Style(NamedTuple):
    """How a word is set; lengths are shares of the font's size."""

    colours: tuple[Colour, ...]
    weight: float = 0.03
    slant: float = 0.0
    edge: Colour | None = None
    edge_width: float = 0.06
    rim: Colour | None = None
    rim_width: float = 0.05
    bounce: float = 0.0
    tracking: float = 0.0


@lru_cache(maxsize=4)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _strokes(style: Style) -> list[tuple[float, Colour | None]]:
    """Return the passes from the outermost outline to the letters themselves (colour None)."""
    passes: list[tuple[float, Colour | None]] = []
    inner = style.weight + (style.edge_width if style.edge else 0.0)
    if style.rim:
        passes.append((inner + style.rim_width, style.rim))
    if style.edge:
        passes.append((inner, style.edge))
    return [*passes, (style.weight, None)]


def _slanted(image: Image.Image, slant: float) -> Image.Image:
    shift = abs(slant) * image.height
    coefficients = (1, slant, -shift if slant > 0 else 0, 0, 1, 0)
    size = (image.width + int(shift), image.height)
    return image.transform(size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)


@lru_cache(maxsize=256)
def word(text: str, style: Style) -> Image.Image:
    """Return the word as an RGBA image cropped to its ink."""
    font = _font(FONT_SIZE)
    gap = (style.tracking + 2 * style.weight) * FONT_SIZE
    starts = [font.getlength(text[:index]) + index * gap for index in range(len(text) + 1)]
    margin = FONT_SIZE // 2
    image = Image.new("RGBA", (int(starts[-1]) + 2 * margin, FONT_SIZE + 2 * margin))
    pencil = ImageDraw.Draw(image)
    for stroke, colour in _strokes(style):
        for index, letter in enumerate(text):
            drop = style.bounce * FONT_SIZE * (1 if index % 2 else -1)
            pencil.text(
                (margin + starts[index], margin + drop),
                letter,
                font=font,
                fill=colour or style.colours[index % len(style.colours)],
                stroke_width=round(stroke * FONT_SIZE),
            )
    slanted = _slanted(image, style.slant) if style.slant else image
    return slanted.crop(slanted.getbbox())
