"""Compares a weights file with a model, tensor by tensor."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import h5py
import keras
import numpy as np

from kerastl.errors import WeightsError, one_line

Shape = tuple[int, ...]


class _Tensor(NamedTuple):
    layer: str
    shape: Shape


def mismatch(model: keras.Model, file: h5py.File, path: Path) -> str:
    """Return the first difference between the file and the model; empty where there is none."""
    if "layer_names" in file.attrs:
        return _difference(list(_tensors_by_order(model)), list(_tensors_of_legacy(file)))
    if "layers" in file:
        if not path.name.endswith(".weights.h5"):
            return f"a file of this format has to be called {path.stem}.weights.h5"
        return _difference_by_path(_tensors_by_path(model), dict(_tensors_of(file)))
    if "model_weights" in file:
        return "it is a whole saved model; expected the weights of the backbone without its top"
    return "it holds no Keras weights"


def holds_as_many(file: h5py.File, model: keras.Model) -> bool:
    """Say whether a file of the newer format has as many tensors as the model."""
    return "layers" in file and len(dict(_tensors_of(file))) == len(model.weights)


def _difference_by_path(wanted: dict[str, Shape], found: dict[str, Shape]) -> str:
    """Compare weights whose names are the same in every file of the same network."""
    for name in sorted(found.keys() - wanted.keys()):
        return f"the file also has {name!r} {found[name]} (weights with a top?)"
    for name, shape in sorted(wanted.items()):
        if name not in found:
            return f"the file lacks {name!r} {shape}"
        if found[name] != shape:
            return f"{name!r} has to be {shape}, the file has {found[name]}"
    return ""


def _difference(wanted: list[_Tensor], found: list[_Tensor]) -> str:
    """Compare weights in their order; their names differ between versions of Keras."""
    for expected, got in zip_longest(wanted, found):
        if got is None:
            return f"the file ends before layer {expected.layer!r} {expected.shape}"
        if expected is None:
            return f"the file goes on with layer {got.layer!r} {got.shape} (weights with a top?)"
        if expected.shape != got.shape:
            return (
                f"layer {expected.layer!r} needs a tensor {expected.shape}, "
                f"the file has {got.layer!r} {got.shape}"
            )
    return ""


def _tensors_by_order(model: keras.Model) -> Iterator[_Tensor]:
    """Yield the weights in the order of Keras's older format, which knows no names."""
    for layer in model.layers:
        for weight in (*layer.trainable_weights, *layer.non_trainable_weights):
            yield _Tensor(layer.name, tuple(weight.shape))


def _tensors_of_legacy(file: h5py.File) -> Iterator[_Tensor]:
    for layer in _names(file.attrs["layer_names"]):
        for weight in _names(file[layer].attrs["weight_names"]):
            yield _Tensor(layer, tuple(file[layer][weight].shape))


def _names(attribute: np.ndarray[tuple[int], np.dtype[np.object_]]) -> list[str]:
    return [name.decode() if isinstance(name, bytes) else str(name) for name in attribute]


def _tensors_by_path(model: keras.Model) -> dict[str, Shape]:
    """Return the weights as the model itself would write them: the format's names are Keras's."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "expected.weights.h5")
            model.save_weights(path)
            with h5py.File(path, "r") as file:
                return dict(_tensors_of(file))
    except OSError as error:
        raise WeightsError(
            f"The temporary folder {tempfile.gettempdir()} cannot be used: {one_line(error)}."
        ) from error


def _tensors_of(file: h5py.File) -> Iterator[tuple[str, Shape]]:
    found: dict[str, Shape] = {}

    def collect(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer"):
            found[name] = tuple(item.shape)

    file.visititems(collect)
    yield from found.items()
