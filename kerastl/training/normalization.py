"""Statistics of batch normalisation: of random networks, and of photos unlike the source's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.backbones.devices import replicas
from kerastl.cache import Rows
from kerastl.data.photos import Photos
from kerastl.stage import Stage
from kerastl.stage_rules import ESTIMATED, TRAINING
from kerastl.training.parts import normalizes

_PHOTOS = 64
# Keras's networks have up to 0.999, which a short training never outgrows: it would learn well and
# still be judged by statistics that are mostly those of the beginning.
_MOMENTUM = 0.95
# Where it follows each batch of photos unlike the source's, it has few steps to do so.
_FOLLOWING = 0.9


def estimate_statistics(model: keras.Model, batches: Iterable[Any]) -> None:
    """Set every batch normalisation's statistics to their mean over the batches.

    Those of a random network begin at mean 0 and variance 1, which fits none: its signal dies away
    with depth. Those of averaged weights belong to no weights that were trained (Izmailov et al.,
    2018, who estimate them anew in this way).

    Args:
        model: From photos of 0..255 to logits.
        batches: Photos, float32 `[batch, height, width, 3]`.
    """
    layers = _layers(model)
    statistics = [each for layer in layers for each in (layer.moving_mean, layer.moving_variance)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        # Nothing of the old statistics remains: those of each batch are looked at by themselves.
        layer.momentum = 0.0
    learn = tf.function(lambda images: model(images, training=True), reduce_retracing=True)
    found = []
    for images in batches:
        learn(tf.cast(images, tf.float32))
        found.append([each.numpy() for each in statistics])
    for each, values in zip(statistics, zip(*found, strict=True), strict=True):
        each.assign(np.mean(values, axis=0))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def prepare_normalization(
    model: keras.Model, stage: Stage, photos: Photos, seed: int, begun: bool
) -> bool:
    """Make batch normalisation ready for what a stage declares of it.

    Args:
        model: From photos of 0..255 to logits.
        stage: Its normalization, and its length.
        photos: Those to learn from.
        seed: Decides which of them statistics are estimated on.
        begun: Whether epochs of the stage are done; its statistics are then what they are to be.

    Returns:
        Whether its statistics are others than before.
    """
    if stage.normalization == ESTIMATED and not begun:
        for layer in _layers(model):
            # One that is frozen would keep its statistics.
            layer.trainable = True
        estimate_statistics(model, [some_of(photos.images, seed)])
        return True
    if stage.normalization == TRAINING:
        quicken(model, _FOLLOWING)
        for layer in _layers(model):
            # In a step it follows what each device sees, one after the other.
            layer.momentum **= 1 / replicas()
    return False


def some_of(images: Rows, seed: int) -> npt.NDArray[np.float32]:
    """Return enough of the photos to estimate statistics on; the seed decides which."""
    random = np.random.default_rng(seed)
    return images[random.permutation(len(images))[:_PHOTOS]].astype(np.float32)


def quicken(model: keras.Model, momentum: float) -> None:
    """Let the running statistics follow a training from random weights.

    Args:
        model: The network.
        momentum: How much of them may stay at each step (0..1).
    """
    for layer in _layers(model):
        layer.momentum = min(layer.momentum, _MOMENTUM, momentum)


def _layers(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    return list(filter(normalizes, model.layers))
