"""Photos -> other views of them: augmentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image

from kerastl.data.augmentation.erasing import erased
from kerastl.data.augmentation.light import BOX_DRAWS, DRAWS, boxes, views
from kerastl.data.augmentation.operations import part_of
from kerastl.data.augmentation.policies import Policy, augmix, randaugment, trivialaugment

# On what a view depends besides its photo.
CODE = tuple(f"{__name__}{part}" for part in ("", ".erasing", ".light", ".operations", ".policies"))

_POLICIES: Mapping[str, Policy] = MappingProxyType(
    {"augmix": augmix, "randaugment": randaugment, "trivialaugment": trivialaugment}
)

Views = npt.NDArray[np.float32]
Randoms = Sequence[np.random.Generator]


def view_of(
    images: npt.NDArray[np.uint8],
    ids: npt.NDArray[np.uint8],
    seed: int,
    number: int,
    augment: str | None = "light",
    erase: float = 0.0,
) -> Views:
    """Return a view of each photo, a pure function of the seed, the photo's id and the number.

    What is left to chance is drawn photo by photo, so that no view depends on the other photos.
    With Keras's layers it would: RandAugment chooses operations for a whole batch, and AugMix does
    so by Python's own random numbers, whatever its seed.

    Args:
        images: Photos of 0..255, `[batch, size, size, 3]`.
        ids: Theirs, uint8 `[batch, 16]`.
        seed: Any number from 0.
        number: Number of the view, from 0.
        augment: How, as in a stage.
        erase: The probability of a hole, as in a stage.

    Returns:
        Views of 0..255, `[batch, size, size, 3]`.
    """
    randoms = [np.random.default_rng([seed, number, *some]) for some in ids.view(np.uint32)]
    seen = _augmented(images, randoms, augment)
    return erased(seen, randoms, erase) if erase else seen


def _augmented(images: npt.NDArray[np.uint8], randoms: Randoms, augment: str | None) -> Views:
    if augment is None:
        return images.astype(np.float32)
    if augment == "light":
        seen: Views = _in_light(tf.constant(images), _drawn(DRAWS, randoms)).numpy()
        return seen
    return _applied(_POLICIES[augment], images, randoms)


def _drawn(count: int, randoms: Randoms) -> tf.Tensor:
    # In 64 bits: in 32, the last one of an exponential depends on its place in the batch.
    return tf.constant(np.array([random.random(count) for random in randoms]).T)


@tf.function(reduce_retracing=True)
def _in_light(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    return views(images, draws, tf.shape(images)[1])


def _applied(policy: Policy, images: npt.NDArray[np.uint8], randoms: Randoms) -> Views:
    """Apply a policy to parts of the photos, one by one; Pillow's threads work side by side."""

    def applied(image: npt.NDArray[np.uint8], box: Views, random: np.random.Generator) -> Any:
        return policy(part_of(Image.fromarray(image), box), random)

    parts = boxes(_drawn(BOX_DRAWS, randoms)).numpy()
    with ThreadPoolExecutor() as pool:
        return np.array(list(pool.map(applied, images, parts, randoms)), np.float32)
