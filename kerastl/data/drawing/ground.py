"""The ground that things lie on, as the camera sees it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops

from kerastl.data.drawing.camera import Camera


def spread(rng: np.random.Generator, view: Camera, texture: Image.Image) -> Image.Image:
    """Return what the camera sees of a square texture, turned and shifted at will, RGB."""
    rows, columns = view.size
    seen = _view_of(rng, view, texture.width)
    return texture.transform(
        (columns, rows), Image.Transform.PERSPECTIVE, seen, Image.Resampling.NEAREST
    )


def tinted(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Return the image with a light tint."""
    tint = Image.new("RGB", image.size, tuple(rng.integers(205, 256, 3).tolist()))
    return ImageChops.multiply(image, tint)


def _view_of(rng: np.random.Generator, view: Camera, side: int) -> tuple[float, ...]:
    """Return the projective transform from the photo to the texture, turned and shifted at will."""
    rows, columns = view.size
    corners = view.to_ground(np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], float))
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = corners @ turn.T
    low, extent = turned.min(axis=0), np.ptp(turned, axis=0)
    scale = min(view.scale * rng.uniform(0.75, 1.3), (side - 2) / extent.max())
    shift = rng.uniform(0, 1, 2) * (side - 1 - scale * extent) - scale * low
    to_texture = np.eye(3)
    to_texture[:2, :2], to_texture[:2, 2] = scale * turn, shift
    matrix = to_texture @ view.back
    return tuple((matrix / matrix[2, 2]).ravel()[:8].tolist())
