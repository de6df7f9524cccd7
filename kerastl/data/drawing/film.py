"""What lens, sensor and file do to a view: uneven light, colour cast, blur, noise and JPEG."""

from __future__ import annotations

import io
import math
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from kerastl.data.drawing.noise import smooth

NOISE_SIDE = 600  # pixels; photos may be no larger
USUAL = 224  # pixels across the photos that blur is measured for
NOISE_GAIN = 30  # levels to one deviation


def _uneven_light(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Darken towards one side and the corners, and now and then by a passing shadow."""
    y, x = np.mgrid[-1:1:8j, -1:1:8j]
    angle = rng.uniform(0, 2 * np.pi)
    level = 1 - rng.uniform(0, 0.28) * (1 + np.cos(angle) * x + np.sin(angle) * y)
    level *= 1 - rng.uniform(0, 0.22) * (x * x + y * y)
    if rng.random() < 0.3:
        level *= 1 - rng.uniform(0.1, 0.4) * (smooth(rng, (8, 8), (4, 4)) > rng.uniform(0, 1))
    low = Image.fromarray((np.clip(level, 0, 1) * 255).astype(np.uint8))
    mask = low.resize(image.size, Image.Resampling.BICUBIC)
    return ImageChops.multiply(image, Image.merge("RGB", (mask, mask, mask)))


def _graded(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Give the light a colour, and the photo an exposure, a contrast and a saturation."""
    warmth = rng.uniform(-0.16, 0.2)
    exposure = rng.uniform(0.9, 1.55)
    gains = exposure * np.array([1 + warmth, 1 + rng.uniform(-0.04, 0.04), 1 - warmth])
    saturation = rng.uniform(0.6, 1.15)
    grey = np.array([0.3, 0.59, 0.11])
    leak = rng.uniform(-0.1, 0.1, (3, 3))  # sensors do not quite agree on hues,
    leak -= leak.mean(axis=1, keepdims=True)  # but grey stays grey
    mixed = gains[:, None] * (saturation * (np.eye(3) + leak) + (1 - saturation) * grey)
    lift = rng.uniform(-14, 22)
    matrix = np.concatenate([mixed, np.full((3, 1), lift)], axis=1)
    return image.convert("RGB", tuple(matrix.ravel().tolist()))


def _blurred(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Leave the photo sharp, or put it out of focus, or shake the hand that held the phone."""
    pixel = image.width / USUAL
    chance = rng.random()
    if chance < 0.45:
        return image
    if chance < 0.75:
        return image.filter(ImageFilter.BoxBlur(float(rng.uniform(0.4, 1.5)) * pixel))
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(1.0, 3.0) * pixel
    shaken = image
    for step in (1, 2):
        shift = round(step * reach * np.cos(angle) / 2), round(step * reach * np.sin(angle) / 2)
        shaken = Image.blend(shaken, _shifted(image, shift), 1 / (step + 1))
    return shaken


def _shifted(image: Image.Image, shift: tuple[int, int]) -> Image.Image:
    """Move the image, keeping its own pixels where nothing moves in."""
    moved = image.copy()
    moved.paste(image, shift)
    return moved


@lru_cache(maxsize=1)
def _noise_tile() -> Image.Image:
    """Return a field of noise round the level 128: fine in brightness, coarser in colour."""
    rng = np.random.default_rng(91)
    grain = rng.standard_normal((NOISE_SIDE, NOISE_SIDE, 1))
    blotches = rng.standard_normal((NOISE_SIDE // 2, NOISE_SIDE // 2, 3))
    noise = grain + 0.7 * blotches.repeat(2, axis=0).repeat(2, axis=1)
    return Image.fromarray(np.clip(noise * NOISE_GAIN + 128, 0, 255).astype(np.uint8))


def _noisy(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Add the sensor's noise, cut from one large tile: to draw it anew would take longest."""
    left, top = (int(rng.integers(NOISE_SIDE - extent + 1)) for extent in image.size)
    noise = _noise_tile().crop((left, top, left + image.width, top + image.height))
    share = float(rng.uniform(1, 9)) / NOISE_GAIN * math.sqrt(image.width / USUAL)
    levels = [round(share * (level - 128)) + 128 for level in range(256)]
    return ImageChops.add(image, noise.point(levels * 3), offset=-128)


def developed(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Return the view as lens and sensor would have seen it."""
    exposed = _graded(rng, _uneven_light(rng, image))
    return _noisy(rng, _blurred(rng, exposed))


def jpeg(rng: np.random.Generator, image: Image.Image) -> bytes:
    """Return the photo as the JPEG file that a phone would have saved."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(rng.integers(60, 93)))
    return file.getvalue()
