"""Which operations are drawn for a photo, and how strong: RandAugment, TrivialAugment, AugMix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from kerastl.data.augmentation.operations import OPERATIONS, SIGNED

# How far an operation goes at strengths 0 and 1.
Reach = Mapping[str, tuple[float, float]]
Policy = Callable[[Image.Image, np.random.Generator], npt.NDArray[Any]]

_STRENGTHS = 31
_RANDAUGMENT: Reach = {
    **dict.fromkeys(("identity", "autocontrast", "equalize"), (0, 0)),
    **dict.fromkeys(("brightness", "color", "contrast", "sharpness"), (0, 0.9)),
    **dict.fromkeys(("shear_x", "shear_y"), (0, 0.3)),
    **dict.fromkeys(("translate_x", "translate_y"), (0, 150 / 331)),
    "rotate": (0, 30),
    "posterize": (0, 4),
    "solarize": (0, 1),
}
_RANDAUGMENT_OPERATIONS, _RANDAUGMENT_STRENGTH = 2, 9 / 30
# The wide range of the paper: farther, but for the translation of 32 of 224 pixels.
_TRIVIALAUGMENT: Reach = {
    **_RANDAUGMENT,
    **dict.fromkeys(("brightness", "color", "contrast", "sharpness"), (0, 0.99)),
    **dict.fromkeys(("shear_x", "shear_y"), (0, 0.99)),
    **dict.fromkeys(("translate_x", "translate_y"), (0, 32 / 224)),
    "rotate": (0, 135),
    "posterize": (0, 6),
}
# What is left out is what the paper's measure of robustness consists of.
_AUGMIX: Reach = {
    **dict.fromkeys(("autocontrast", "equalize"), (0, 0)),
    **dict.fromkeys(("shear_x", "shear_y"), (0, 0.3)),
    **dict.fromkeys(("translate_x", "translate_y"), (0, 1 / 3)),
    "rotate": (0, 30),
    "posterize": (4, 8),
    "solarize": (0, 1),
}
_CHAINS, _LONGEST_CHAIN, _AUGMIX_STRENGTHS = 3, 3, (0.01, 0.3)


def _changed(
    photo: Image.Image, reach: Reach, strength: float, random: np.random.Generator
) -> Image.Image:
    """Apply one of the operations, each of which is as likely."""
    names = list(reach)
    name = names[random.integers(len(names))]
    sign = random.choice((-1, 1)) if name in SIGNED else 1
    least, most = reach[name]
    return OPERATIONS[name](photo, sign * (least + strength * (most - least)))


def randaugment(photo: Image.Image, random: np.random.Generator) -> npt.NDArray[Any]:
    """Apply two operations, all of the same strength: 9 of 30 (Cubuk et al., 2020)."""
    for _ in range(_RANDAUGMENT_OPERATIONS):
        photo = _changed(photo, _RANDAUGMENT, _RANDAUGMENT_STRENGTH, random)
    return np.asarray(photo)


def trivialaugment(photo: Image.Image, random: np.random.Generator) -> npt.NDArray[Any]:
    """Apply one operation of random strength (Müller & Hutter, 2021)."""
    strength = random.integers(_STRENGTHS) / (_STRENGTHS - 1)
    return np.asarray(_changed(photo, _TRIVIALAUGMENT, strength, random))


def augmix(photo: Image.Image, random: np.random.Generator) -> npt.NDArray[Any]:
    """Mix the photo with what three chains of weak operations make of it (Hendrycks et al., 2020).

    Their loss, which compares what the model says of several views, is no part of it.
    """
    own = np.float32(random.beta(1, 1))
    mixed: npt.NDArray[np.float32] = own * np.asarray(photo, np.float32)
    for share in random.dirichlet(np.ones(_CHAINS)).astype(np.float32):
        mixed += (1 - own) * share * np.asarray(_chained(photo, random), np.float32)
    return mixed.clip(0, 255)


def _chained(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    for _ in range(random.integers(_LONGEST_CHAIN) + 1):
        photo = _changed(photo, _AUGMIX, random.uniform(*_AUGMIX_STRENGTHS), random)
    return photo
