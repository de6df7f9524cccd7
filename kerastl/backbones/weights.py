"""Puts weights into a backbone: found or fetched, and refused unless they fit exactly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrs
import h5py
import keras
import numpy as np
import numpy.typing as npt

from kerastl.backbones.adapter import Published
from kerastl.backbones.manifest import check_manifest
from kerastl.backbones.store import UnavailableError, cached_or_fetched, shipped
from kerastl.backbones.structure import holds_as_many, mismatch
from kerastl.backbones.values import values_of
from kerastl.errors import WeightsError, one_line
from kerastl.files import replacing
from kerastl.recipe import Backbone


@attrs.frozen
class Weights:
    """Which weights a backbone was given.

    Args:
        name: `"imagenet"`, `"procedural"`, a path, or `None` for random weights.
        reason: Why it was not an earlier one of the recipe's choices; empty for the first.
    """

    name: str | None
    reason: str = ""

    def __str__(self) -> str:
        """Return the line a person reads."""
        chosen = self.name or "none: random values, so there is nothing to transfer"
        return f"{chosen} ({self.reason}; --weights FILE gives others)" if self.reason else chosen


def load_weights(model: keras.Model, backbone: Backbone, published: Published | None) -> Weights:
    """Load the first of the backbone's choices of weights that can be had.

    A choice that is a file has to be there and to fit; only a name may be passed over.

    Raises:
        WeightsError: A file does not fit, or none of the choices can be had.
    """
    reasons: list[str] = []
    for name in backbone.weights:
        try:
            if name is not None:
                _load_all(model, _file(name, backbone, published))
            return Weights(name, "; ".join(reasons))
        except UnavailableError as error:
            reasons.append(str(error))
    remedies = ["give a file with --weights FILE", "train from random weights with --weights none"]
    if published and "imagenet" in backbone.weights:
        fetch = f"kerastl weights fetch {backbone.name}"
        remedies.insert(0, f"where there is a network run {fetch} with the options of the backbone")
    reason = re.sub("^the ", "The ", "; ".join(reasons))
    raise WeightsError(f"{reason}: {', or '.join(remedies)}.")


def _file(name: str, backbone: Backbone, published: Published | None) -> Path:
    """Return the file that a name of weights stands for, its manifest compared."""
    if name == "imagenet":
        return cached_or_fetched(backbone, published)
    if name == "procedural":
        return shipped(backbone)
    path = Path(name).expanduser()
    if not path.is_file():
        raise WeightsError(
            f"There is no weights file {name!r}; expected 'imagenet', 'procedural', 'none' or a "
            "path."
        )
    check_manifest(path, backbone)
    return path


def _load_all(model: keras.Model, path: Path) -> None:
    """Load a file, and make sure that no kernel is left with the values it began with."""
    kernels = [weight for weight in model.weights if len(weight.shape) > 1]
    before = values_of(kernels)
    load_file(model, path)
    left = [
        kernel.path
        for kernel, value in zip(kernels, before, strict=True)
        if np.array_equal(kernel.numpy(), value)
    ]
    if left:
        raise WeightsError(
            f"{len(left)} of {len(kernels)} kernels of {model.name} were not loaded from {path}, "
            f"such as {left[0]}."
        )


def load_file(model: keras.Model, path: Path) -> None:
    """Load a weights file that holds exactly the model's weights: names, numbers and shapes.

    Raises:
        WeightsError: It does not; the model may then hold a part of it.
    """
    try:
        with h5py.File(path, "r") as file:
            difference = _load(model, file, path)
    except (OSError, KeyError) as error:
        raise WeightsError(
            f"Weights file {path} is damaged or no HDF5 file, copy or fetch it again: "
            f"{one_line(error)}."
        ) from error
    if difference:
        raise WeightsError(f"Weights file {path} does not fit {model.name}: {difference}.")


def _load(model: keras.Model, file: h5py.File, path: Path) -> str:
    """Load what fits, or return what does not."""
    # Keras itself compares each name and shape, but does not look for what the file has beyond
    # them. Where the number is right, the slower comparison is of use for its words alone.
    difference = "" if holds_as_many(file, model) else mismatch(model, file, path)
    if difference:
        return difference
    try:
        model.load_weights(path)
    except Exception as error:
        return mismatch(model, file, path) or one_line(error)
    return _not_finite(model)


def _not_finite(model: keras.Model) -> str:
    bad = (weight for weight in model.weights if not np.isfinite(weight.numpy()).all())
    return next((f"the values of {weight.path} are not all numbers" for weight in bad), "")


def write_weights(model: keras.Model, path: Path, storage: str) -> None:
    """Write the model's weights as a whole or not at all.

    Args:
        model: The backbone without its top.
        path: The file, `NAME.weights.h5`.
        storage: `"float32"`, or `"float16"` for half the size; a tensor that would lose more than
            a thousandth of a value by it is left as it is.
    """
    with replacing(path) as partial:
        # Keras goes by the ending.
        whole = partial.with_name(f"{partial.name}.weights.h5")
        try:
            model.save_weights(whole)
            if storage == "float32":
                whole.replace(partial)
            else:
                with h5py.File(whole) as old, h5py.File(partial, "w", libver="latest") as new:
                    _copy_halved(old, new)
        finally:
            whole.unlink(missing_ok=True)


def _copy_halved(old: h5py.Group, new: h5py.Group) -> None:
    new.attrs.update(old.attrs)
    for name, item in old.items():
        if isinstance(item, h5py.Group):
            _copy_halved(item, new.create_group(name))
        else:
            halved = _halved(np.asarray(item[()]))
            new.create_dataset(name, data=halved).attrs.update(item.attrs)


def _halved(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if values.dtype != np.float32:
        return values
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if np.allclose(half, values, rtol=1e-3, atol=1e-7) else values
