"""Holds what learns of a backbone to what it was pretrained to be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastl.backbones.cuts import HEAD
from kerastl.backbones.values import Arrays
from kerastl.training.parts import Parts


@contextmanager
def held_to(
    anchor: Arrays, parts: Parts, strength: float
) -> Iterator[list[keras.callbacks.Callback]]:
    """Add to the loss, within the block, how far the backbone has gone (L2-SP, Li et al., 2018).

    What is yielded has to be called for the validation loss to be without it.

    Args:
        anchor: The values of the whole model's variables that it is held to.
        parts: The model, taken apart; of its tail the head is free.
        strength: What half of the squared distance is multiplied with; 0 for none.
    """
    learning = {id(weight) for weight in parts.tail.trainable_weights} if strength else set()
    force = tf.Variable(strength, trainable=False)
    held = [
        (variable, variable.regularizer, value)
        for variable, value in zip(parts.model.variables, anchor, strict=False)
        if id(variable) in learning and not variable.path.startswith(HEAD)
    ]
    try:
        for variable, _, value in held:
            variable.regularizer = _Distance(value, force)
        yield [_Released(force)] if held else []
    finally:
        for variable, before, _ in held:
            variable.regularizer = before


class _Distance(keras.regularizers.Regularizer):  # type: ignore[misc]
    """Half of the squared distance from a value, times a force that may change."""

    def __init__(self, value: np.ndarray[Any, Any], force: tf.Variable) -> None:
        self.value, self.force = value, force

    def __call__(self, variable: Any) -> Any:
        distance = keras.ops.sum(keras.ops.square(variable - self.value))
        return self.force / 2 * distance


class _Released(keras.callbacks.Callback):  # type: ignore[misc]
    """Takes a force away while the model is validated."""

    def __init__(self, force: tf.Variable) -> None:
        super().__init__()
        self.force, self.strength = force, float(force)

    def on_test_begin(self, logs: Any = None) -> None:
        self.force.assign(0.0)

    def on_test_end(self, logs: Any = None) -> None:
        self.force.assign(self.strength)
