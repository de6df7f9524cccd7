"""Writes weights as Keras's older format has them: in order, by layer."""

from __future__ import annotations

from pathlib import Path

import h5py
import keras


def save_legacy(model: keras.Model, path: Path) -> None:
    """Write the weights of a model to an `.h5` file of the older format."""
    layers = [layer for layer in model.layers if layer.weights]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer.name)
            weights = [*layer.trainable_weights, *layer.non_trainable_weights]
            group.attrs["weight_names"] = [f"w{i}".encode() for i in range(len(weights))]
            for i, weight in enumerate(weights):
                group.create_dataset(f"w{i}", data=weight.numpy())
