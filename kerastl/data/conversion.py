"""What TensorFlow cannot decode -> pixels, by Pillow; and a second look at what it can."""

from __future__ import annotations

import io
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kerastl.data.headers import PNG
from kerastl.data.reader import MOST_PIXELS

if TYPE_CHECKING:
    from PIL import Image

# What Pillow logs of damaged files it also raises.
logging.getLogger("PIL").addHandler(logging.NullHandler())

# Warnings are caught for a whole process: of two threads one would leave it what the other had set.
# What Pillow reads all of is rare enough to wait for.
_ONE_AT_A_TIME = threading.Lock()

_HEIF = (b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1")


def as_pixels(encoded: bytes) -> npt.NDArray[np.uint8]:
    """Return what Pillow makes of the file: RGB `[height, width, 3]`, upright, as seen on white.

    Raises:
        ValueError: It is no image, it is damaged, or it has more pixels than any photo; the reason.
    """
    from PIL import ImageOps

    with opened(encoded) as image:
        return np.asarray(_in_colors(_in_8_bits(ImageOps.exif_transpose(image))))


def complaint(encoded: bytes) -> str:
    """Return why Pillow would not take a file that TensorFlow has decoded; empty if it would.

    TensorFlow passes over parts of a PNG that it has no use for; of other formats it takes nothing
    that is not sound.
    """
    if not encoded.startswith(PNG):
        return ""
    try:
        with opened(encoded) as image:
            if getattr(image, "is_animated", False):
                image.load()
            return ""
    except ValueError as error:
        return str(error)


@contextmanager
def opened(encoded: bytes) -> Iterator[Image.Image]:
    """Open a file by Pillow; what is wrong with it, also later on, is a ValueError of one line."""
    from PIL import Image, UnidentifiedImageError

    _let_pillow_read_heif()
    try:
        with _ONE_AT_A_TIME, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(encoded)) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise ValueError(f"{image.width} x {image.height} pixels are no photo")
                yield image
    except UnidentifiedImageError as error:
        is_heif = encoded[4:12].startswith(_HEIF)
        hint = "; pip install 'kerastl[heif]' lets it be read" if is_heif else ""
        raise ValueError(f"a HEIF image{hint}" if is_heif else "not an image") from error
    except Image.DecompressionBombError as error:
        raise ValueError("more pixels than any photo has") from error
    # What Pillow raises for a damaged file depends on where it meets the damage.
    except Exception as error:
        raise ValueError(str(error).partition("\n")[0] or type(error).__name__) from error


@cache
def _let_pillow_read_heif() -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return
    register_heif_opener()


def _in_8_bits(image: Image.Image) -> Image.Image:
    """Return an image of more bits scaled to 8; Pillow would cut all above 255 off."""
    from PIL import Image

    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image).astype(np.float32)
    if image.mode != "F":
        scale = 1 / 257 if values.max(initial=0) > 255 else 1
    elif values.min(initial=0) >= 0 and values.max(initial=0) <= 1:
        scale = 255
    else:
        raise ValueError("an image of floating-point values, of which 0 and 255 are not known")
    return Image.fromarray((values * scale).round().clip(0, 255).astype(np.uint8))


def _in_colors(image: Image.Image) -> Image.Image:
    """Return an image in RGB, what is seen through being white."""
    from PIL import Image, ImageCms

    if image.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, *profiles, outputMode="RGB") or image
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
