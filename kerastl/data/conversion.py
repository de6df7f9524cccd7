"""What TensorFlow cannot decode -> what it can, by Pillow."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image


def as_png(encoded: bytes) -> bytes:
    """Return what Pillow makes of the file, in a format that TensorFlow decodes."""
    from PIL import Image

    png = io.BytesIO()
    try:
        with warnings.catch_warnings():
            # Of an image that is too large by less than half Pillow merely warns.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(encoded))
        with image:
            _in_8_bits(image).convert("RGB").save(png, "PNG", compress_level=0)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(str(error)) from error
    return png.getvalue()


def _in_8_bits(image: Image.Image) -> Image.Image:
    """Return an image of 16 bits scaled to 8; Pillow would cut all above 255 off."""
    from PIL import Image

    if image.mode == "F":
        raise ValueError("an image of floating-point values, of which 0 and 255 are not known")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.float32)
    scale = 257 if values.max(initial=0) > 255 else 1
    return Image.fromarray((values / scale).round().clip(0, 255).astype(np.uint8))
