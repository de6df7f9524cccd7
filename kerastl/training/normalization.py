"""Gives a network of random weights the batch statistics without which it passes nothing on."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt

_PHOTOS = 64


def estimate_statistics(model: keras.Model, images: npt.NDArray[np.uint8], seed: int) -> None:
    """Set every batch normalisation's statistics to those of some of the photos.

    They begin at mean 0 and variance 1, which fits no random network: its signal dies away with
    depth, and since batch normalisation stays frozen in every stage, it never comes back.

    Args:
        model: From photos of 0..255 to logits.
        images: Photos, uint8 `[photos, height, width, 3]`.
        seed: Decides which of them are looked at.
    """
    random = np.random.default_rng(seed)
    some = random.permutation(len(images))[:_PHOTOS]
    layers = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        # Nothing of the old statistics is to remain.
        layer.momentum = 0.0
    model(images[some].astype(np.float32), training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
