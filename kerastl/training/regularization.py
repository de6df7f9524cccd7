"""Holds what learns of a backbone to what it was pretrained to be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from kerastl.backbones.cuts import HEAD
from kerastl.backbones.values import Arrays
from kerastl.training.parts import Parts


@contextmanager
def held_to(anchor: Arrays, parts: Parts, strength: float) -> Iterator[None]:
    """Add to the loss, within the block, how far the backbone has gone (L2-SP, Li et al., 2018).

    Args:
        anchor: The values of the whole model's variables that it is held to.
        parts: The model, taken apart; of its tail the head is free.
        strength: What half of the squared distance is multiplied with; 0 for none.
    """
    learning = {id(weight) for weight in parts.tail.trainable_weights} if strength else set()
    held = [
        (variable, variable.regularizer, value)
        for variable, value in zip(parts.model.variables, anchor, strict=False)
        if id(variable) in learning and not variable.path.startswith(HEAD)
    ]
    try:
        for variable, _, value in held:
            variable.regularizer = _Distance(value, strength)
        yield
    finally:
        for variable, before, _ in held:
            variable.regularizer = before


class _Distance(keras.regularizers.Regularizer):  # type: ignore[misc]
    """Half of the squared distance from a value."""

    def __init__(self, value: np.ndarray[Any, Any], strength: float) -> None:
        self.value, self.strength = value, strength

    def __call__(self, variable: Any) -> Any:
        distance = keras.ops.sum(keras.ops.square(variable - self.value))
        return self.strength / 2 * distance
