"""The values of a model's variables: taken, and set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

Arrays = list[npt.NDArray[Any]]


def values_of(variables: Iterable[Any]) -> Arrays:
    """Return copies of the variables' values."""
    return [np.array(variable.numpy()) for variable in variables]


def settle(model: keras.Model) -> None:
    """Let layers that compute with what they have made of their variables make it anew.

    Keras does so where it loads a file, but not where variables are assigned: EfficientNet's
    normalization would go on with the mean and the variance it had before.
    """
    for layer in with_inner(model.layers):
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def with_inner(layers: Iterable[Any]) -> Iterator[Any]:
    """Yield layers, and the layers in them."""
    for layer in layers:
        yield layer
        yield from with_inner(getattr(layer, "layers", ()))
