"""What is frozen in a stage: a trunk that knows its key before it is compiled."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import attrs
import keras
import numpy as np
import tensorflow as tf

from kerastl.backbones.devices import has_onednn
from kerastl.backbones.engine import Forward, Graph, has_bfloat16, has_gpu, inference_graph
from kerastl.cache import Array, Cache, Numbers, code_of, gather, id_of, ids_of
from kerastl.console import say
from kerastl.data.photos import Photos

# What folds, compiles and runs layers.
_CODE = ("kerastl.backbones.folding", "kerastl.backbones.engine", "kerastl.threads")
# Features in 16 bits have to point where those in 32 bits do, photo by photo.
_LEAST_COSINE = 0.999


@attrs.frozen(eq=False, slots=False)
class Frozen:
    """Layers that do not learn.

    Args:
        model: From photos to one tensor or several.
        key: Tells them from all others: it is made of every layer, every weight, and what compiles
            and runs them. What the layers are called has no part in it.
    """

    model: keras.Model
    key: bytes = attrs.field(init=False, repr=False)

    @key.default
    def _key(self) -> bytes:
        versions = [each.__version__.encode() for each in (tf, keras)]
        weights = [part for weight in self.model.weights for part in _bytes(weight.numpy())]
        device = b"GPU" if has_gpu() else b"oneDNN" if has_onednn() else b"CPU"
        return id_of(
            _layers(self.model),
            *weights,
            code_of(*_CODE, __name__),
            *versions,
            device,
        )

    @cached_property
    def graph(self) -> Graph:
        """The graph of the layers."""
        return inference_graph(self.model)


@attrs.frozen(eq=False, slots=False)
class Trunk:
    """The layers before a cut, in one precision; they are compiled when they are first run.

    Args:
        layers: What there is to run.
        precision: `"float32"` or `"bfloat16"`.
    """

    layers: Frozen
    precision: str

    def __call__(self, images: Array) -> list[Array]:
        """Return the outputs for a batch of photos of 0..255, in the precision of the trunk."""
        return self._forward(images)

    def traced(self) -> None:
        """Trace its graph, if it is not yet, which only the thread can that has made the layers."""
        _ = self._forward

    @cached_property
    def _forward(self) -> Forward:
        return self.layers.graph.forward(self.precision)

    @property
    def name(self) -> str:
        """What a person calls it: where its cut is, the size of its photos, its precision."""
        model = self.layers.model
        layer = model.outputs[-1]._keras_history.operation.name
        return f"{layer}-{model.input_shape[1]}-{self.precision}"

    @property
    def key(self) -> str:
        """What tells its outputs from those of all others."""
        return id_of(self.layers.key, self.precision.encode()).hex()

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each output of a photo."""
        return [tuple(tensor.shape[1:]) for tensor in self.layers.model.outputs]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the outputs."""
        kind: np.dtype[Any] = np.dtype(tf.as_dtype(self.precision).as_numpy_dtype)
        return kind

    @property
    def width(self) -> int:
        """How many values the outputs of a photo have together."""
        return sum(map(math.prod, self.shapes))

    @staticmethod
    def whole(outputs: list[Array]) -> Array:
        """Put the outputs of each photo together into one row."""
        return np.concatenate([each.reshape(len(each), -1) for each in outputs], axis=1)

    def parted(self, rows: Array) -> list[Array]:
        """Take rows of `whole` apart into outputs."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1]
        parts = np.split(rows, ends, axis=1)
        return [part.reshape(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True)]


def trunk_of(model: keras.Model, precision: str, photos: Photos, cache: Cache) -> Trunk:
    """Return the trunk of a stage.

    On a processor that multiplies in bfloat16 it does so, where the features of the given photos
    agree with those in float32; whether they do is found out once.

    Args:
        model: A frozen functional model from photos to one tensor or several.
        precision: As in a recipe.
        photos: A batch to compare on.
        cache: Where what was found is kept.
    """
    layers = Frozen(model)
    exact = Trunk(layers, "float32")
    if precision != "auto" or has_gpu() or not has_bfloat16():
        return exact
    fast = Trunk(layers, "bfloat16")
    cosine = _agreement(fast, photos, cache)
    if cosine >= _LEAST_COSINE:
        return fast
    say(f"Frozen layers: float32, as in bfloat16 their features differ (cosine {cosine:.4f})")
    return exact


def _agreement(fast: Trunk, photos: Photos, cache: Cache) -> float:
    """Return the least cosine between what a trunk and float32 make of a photo."""

    def computed(numbers: Numbers) -> Iterator[tuple[Numbers, Array]]:
        images = photos.images[:]
        exact = fast.layers.graph.once(images)
        yield numbers, np.array([[min(map(cosine, fast(images), exact))]])

    key = id_of(b"agreement", fast.layers.key, photos.reader.encode()).hex()
    table = cache.table(f"{fast.name}-agreement", key, (1,), np.float64)
    rows, _ = gather(cache, table, ids_of([id_of(photos.ids.tobytes())]), computed)
    return float(rows[:].item())


def cosine(some: Array, others: Array) -> float:
    """Return the least cosine of the angle between the rows of two arrays."""
    one, other = (np.reshape(each, (len(each), -1)).astype(np.float64) for each in (some, others))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosines = (one * other).sum(axis=1) / np.maximum(lengths, np.finfo(np.float64).tiny)
    same = (one == other).all(axis=1)
    return float(np.where(same, 1.0, cosines).min())


def _layers(model: keras.Model) -> bytes:
    """Return what the layers of a model are and how they are connected."""
    config = json.loads(model.to_json())["config"]
    layers, outputs = config["layers"], config["output_layers"]
    names = {layer["config"]["name"]: number for number, layer in enumerate(layers)}
    graph = [_renamed(layers, names), _renamed(outputs, names, is_name=True)]
    return json.dumps(graph, sort_keys=True).encode()


def _renamed(value: Any, names: Mapping[str, int], is_name: bool = False) -> Any:
    """Return a value made of what JSON has with numbers in place of the layers' names."""
    if isinstance(value, dict):
        holding = ("name", "keras_history")
        return {key: _renamed(each, names, key in holding) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, names, is_name) for each in value]
    return names.get(value, value) if is_name and isinstance(value, str) else value


def _bytes(array: Array) -> tuple[bytes, memoryview]:
    """Return what an array is, and what is in it, without a copy."""
    inside = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return f"{array.dtype} {array.shape}".encode(), inside.data
