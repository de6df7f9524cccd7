"""The new layers on top of the backbone."""

from __future__ import annotations

from typing import Any

import keras

from kerastl.backbones.cuts import HEAD
from kerastl.recipe import Head


def add_head(features: Any, head: Head, classes: int, seed: int) -> Any:
    """Return the logits `[batch, classes]`, float32.

    Args:
        features: The backbone's output, `[batch, height, width, channels]`.
        head: Which layers.
        classes: Number of classes.
        seed: Decides the first weights and the dropout.
    """
    x = _pooled(features, head.pooling)
    for number, units in enumerate(head.hidden):
        x = _dropout(x, head.dropout, seed + number, number)
        x = keras.layers.Dense(
            units,
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(seed + number),
            name=f"{HEAD}dense_{number}",
        )(x)
    last = len(head.hidden)
    x = _dropout(x, head.dropout, seed + last, last)
    # Under a mixed precision policy the logits would be of 16 bits without being told.
    return keras.layers.Dense(
        classes,
        dtype="float32",
        kernel_initializer=keras.initializers.GlorotUniform(seed + last),
        name=f"{HEAD}logits",
    )(x)


def _pooled(features: Any, pooling: str) -> Any:
    kinds = {
        "avg": keras.layers.GlobalAveragePooling2D,
        "max": keras.layers.GlobalMaxPooling2D,
    }
    pooled = [kinds[kind](name=f"{HEAD}{kind}_pool")(features) for kind in pooling.split("+")]
    return pooled[0] if len(pooled) == 1 else keras.layers.Concatenate(name=f"{HEAD}pools")(pooled)


def _dropout(x: Any, rate: float, seed: int, number: int) -> Any:
    if not rate:
        return x
    return keras.layers.Dropout(rate, seed=seed, name=f"{HEAD}dropout_{number}")(x)
