"""Puts weights into a backbone: found, fetched, checked as a whole, then loaded."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import attrs
import h5py
import keras
import numpy as np

from kerastl.backbones.adapter import Published
from kerastl.console import console, say
from kerastl.errors import WeightsError, one_line
from kerastl.network import is_offline, reachable
from kerastl.recipe import Backbone


@attrs.frozen
class Weights:
    """Which weights a backbone was given.

    Args:
        name: `"imagenet"`, a path, or `None` for random weights.
        reason: Why it was not an earlier one of the recipe's choices; empty for the first.
    """

    name: str | None
    reason: str = ""

    def __str__(self) -> str:
        """Return the line a person reads."""
        chosen = self.name or "none: random values, so there is nothing to transfer"
        return f"{chosen} ({self.reason}; --weights FILE gives others)" if self.reason else chosen


Shape = tuple[int, ...]


class _Tensor(NamedTuple):
    layer: str
    shape: Shape


def load_weights(model: keras.Model, backbone: Backbone, published: Published | None) -> Weights:
    """Load the first of the backbone's choices of weights that can be had.

    A choice that is a file has to be there and to fit; only `"imagenet"` may be passed over.

    Raises:
        WeightsError: A file does not fit, or none of the choices can be had.
    """
    reasons: list[str] = []
    for name in backbone.weights:
        try:
            if name is not None:
                _load_file(model, _file(name, backbone, published))
            return Weights(name, "; ".join(reasons))
        except _UnavailableError as error:
            reasons.append(str(error))
    remedies = "give a file with --weights FILE, or train from random weights with --weights none"
    raise WeightsError(f"{'; '.join(reasons)}: {remedies}.")


class _UnavailableError(Exception):
    """A name of weights stands for a file that is not here and cannot be fetched."""


def _file(name: str, backbone: Backbone, published: Published | None) -> Path:
    if name != "imagenet":
        path = Path(name).expanduser()
        if not path.is_file():
            raise WeightsError(
                f"There is no weights file {name!r}; expected 'imagenet', 'none' or a path."
            )
        return path
    if published is None:
        options = ", ".join(f"{key}={value!r}" for key, value in backbone.options.items())
        raise _UnavailableError(
            f"Keras has no ImageNet weights for {backbone.name}({options}) at {backbone.image_size}"
        )
    cached = _cache() / published.file
    return cached if cached.is_file() else _fetch(published, cached)


def _cache() -> Path:
    """Return the folder where Keras keeps the weights it has downloaded."""
    home = os.environ.get("KERAS_HOME", os.path.join("~", ".keras"))
    return Path(home).expanduser() / "models"


def _fetch(published: Published, target: Path) -> Path:
    """Download a weights file to a temporary name, check its hash, and only then name it."""
    if is_offline():
        raise _UnavailableError(
            f"the ImageNet weights are not in {target.parent} and the network is off"
        )
    if not reachable(published.url):
        raise _UnavailableError(
            f"the ImageNet weights are not in {target.parent} and there is no network to fetch them"
        )
    say(f"Downloading {published.file} to {target.parent}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as folder,
            # Keras prints its progress, which must not get into what --json promises.
            contextlib.redirect_stdout(console.file),
        ):
            fetched = keras.utils.get_file(
                target.name, published.url, file_hash=published.hash, cache_dir=folder
            )
            os.replace(fetched, target)
    except Exception as error:
        raise _UnavailableError(
            f"the ImageNet weights cannot be downloaded ({one_line(error)})"
        ) from error
    return target


def _load_file(model: keras.Model, path: Path) -> None:
    """Load a weights file that is compared with the model first: names, numbers and shapes."""
    try:
        with h5py.File(path, "r") as file:
            mismatch = _mismatch(model, file, path)
    except (OSError, KeyError) as error:
        raise WeightsError(
            f"Weights file {path} is damaged or no HDF5 file: {one_line(error)}."
        ) from error
    if not mismatch:
        try:
            model.load_weights(path)
            mismatch = _not_finite(model)
        except Exception as error:
            mismatch = one_line(error)
    if mismatch:
        raise WeightsError(f"Weights file {path} does not fit {model.name}: {mismatch}.")


def _not_finite(model: keras.Model) -> str:
    bad = (weight for weight in model.weights if not np.isfinite(weight.numpy()).all())
    return next((f"the values of {weight.path} are not all numbers" for weight in bad), "")


def _mismatch(model: keras.Model, file: h5py.File, path: Path) -> str:
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
