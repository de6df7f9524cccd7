"""Batches -> mixtures of their photos and of their labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from kerastl.cache import Numbers, id_of

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
# The rows and columns of a part of a photo.
Box = tuple[slice, slice]

# As in the papers, for photos.
_ALPHAS: Mapping[str, float] = MappingProxyType({"mixup": 0.2, "cutmix": 1.0})
# Tells what is drawn here from the other draws of an epoch.
_MIXING = 2


@attrs.frozen(eq=False)
class Mixing:
    """How the photos of a batch are mixed.

    Args:
        partners: The number within the batch of the photo that each is mixed with.
        shares: The share of each mixture that is of the photo itself, 0..1; the rest is of its
            partner.
        boxes: Where the partner is seen; None where it is seen everywhere.
    """

    partners: Numbers
    shares: Floats
    boxes: tuple[Box, ...] | None = None

    def photos(self, images: Array) -> Floats:
        """Mix photos of 0..255, `[batch, height, width, 3]`."""
        if self.boxes is None:
            return self.rows(images)
        mixed = images.astype(np.float32)
        for photo, box, partner in zip(mixed, self.boxes, self.partners, strict=True):
            photo[box] = images[partner][box]
        return mixed

    def rows(self, values: Array) -> Floats:
        """Mix numbers that are told of the photos, `[batch, ...]`: their labels, their weights."""
        mixed = values.astype(np.float32)
        towards = mixed[self.partners] - mixed
        towards *= (1 - self.shares).reshape(-1, *[1] * (values.ndim - 1))
        mixed += towards
        return mixed


def mixing_of(
    ids: npt.NDArray[np.uint8], seed: int, epoch: int, mix: str, alpha: float | None, size: int
) -> Mixing:
    """Draw how a batch is mixed: a pure function of seed, epoch, the photos and their order.

    Args:
        ids: Of the photos of the batch, uint8 `[batch, 16]`.
        seed: Any number from 0.
        epoch: The number of the epoch.
        mix: `"mixup"` (Zhang et al., 2018) or `"cutmix"` (Yun et al., 2019).
        alpha: The parameter of the Beta distribution of the shares; None for that of the paper.
        size: Height and width of the photos in pixels.
    """
    words = np.frombuffer(id_of(ids.tobytes()), np.uint32)
    random = np.random.default_rng([seed, epoch, _MIXING, *words])
    alpha = alpha or _ALPHAS[mix]
    partners = random.permutation(len(ids))
    shares = random.beta(alpha, alpha, len(ids))
    if mix == "mixup":
        return Mixing(partners, shares.astype(np.float32))
    boxes = tuple(_box(1 - share, size, random) for share in shares)
    seen = [1 - _pixels(box) / size**2 for box in boxes]
    return Mixing(partners, np.array(seen, np.float32), boxes)


def _box(area: float, size: int, random: np.random.Generator) -> Box:
    """Draw a square of that share of the area; what lies outside of the photo is cut off."""
    half = math.sqrt(area) * size / 2
    rows, columns = (
        slice(max(0, round(middle - half)), min(size, round(middle + half)))
        for middle in random.uniform(0, size, 2)
    )
    return rows, columns


def _pixels(box: Box) -> int:
    rows, columns = box
    return int((rows.stop - rows.start) * (columns.stop - columns.start))
