"""What is frozen in a stage, compiled once and run at the speed of an inference engine."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.backbones.folding import folded
from kerastl.console import say

Array = npt.NDArray[Any]

# Features in 16 bits have to point where those in 32 bits do, photo by photo.
_LEAST_COSINE = 0.999
_OPTION = "auto_mixed_precision_onednn_bfloat16"


@attrs.frozen(eq=False)
class Trunk:
    """The layers before a cut, with their weights as constants.

    Args:
        name: What a person calls it: where its cut is, the size of its photos, its precision.
        shapes: The shape of each output of a photo.
        precision: `"float32"` or `"bfloat16"`, what it computes in.
        key: Tells it from all others: it is made of the graph and every value in it.
        function: From photos of 0..255, `[batch, height, width, 3]`, to the list of the outputs.
    """

    name: str
    shapes: tuple[tuple[int, ...], ...]
    precision: str
    key: str
    function: Any = attrs.field(repr=False)

    def __call__(self, images: Array) -> list[Array]:
        """Return the outputs for a batch of photos, in the precision of the trunk."""
        outputs = self.function(tf.cast(images, tf.float32))
        return [tf.cast(output, self.precision).numpy() for output in outputs]

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


def compile_trunk(model: keras.Model, precision: str, photos: npt.NDArray[np.uint8]) -> Trunk:
    """Return a frozen model compiled for inference.

    Batch normalisation is folded into the convolutions, and all weights become constants.
    On a processor that multiplies in bfloat16 it does so, where the features of the given photos
    agree with those in float32.

    Args:
        model: A functional model from photos to one tensor or several.
        precision: As in a recipe.
        photos: A batch to compare on.
    """
    model = folded(model)
    trunk = _trunk(model, "float32")
    if precision != "auto" or _has_gpu() or not _has_bfloat16():
        return trunk
    fast = _trunk(model, "bfloat16")
    with _in_bfloat16():
        # TensorFlow decides on the first call.
        found = fast(photos)
    cosine = min(map(_cosine, found, trunk(photos)))
    if cosine >= _LEAST_COSINE:
        return fast
    say(f"Frozen layers: float32, as in bfloat16 their features differ (cosine {cosine:.4f})")
    return trunk


def _trunk(model: keras.Model, precision: str) -> Trunk:
    function = _traced(model)
    layer = model.outputs[-1]._keras_history.operation.name
    name = f"{layer}-{model.input_shape[1]}-{precision}"
    shapes = tuple(tuple(tensor.shape[1:]) for tensor in model.outputs)
    return Trunk(name, shapes, precision, _key(function.graph.as_graph_def(), precision), function)


def _traced(model: keras.Model) -> Any:
    """Return the function of a model with its weights as constants."""
    learning, fixed = (
        [variable.numpy() for variable in some]
        for some in (model.trainable_variables, model.non_trainable_variables)
    )

    signature = [tf.TensorSpec(model.inputs[0].shape, tf.float32)]

    # XLA pays on a GPU; on a processor it takes minutes to compile.
    @tf.function(input_signature=signature, jit_compile=_has_gpu() or None)
    def forward(photos: tf.Tensor) -> list[tf.Tensor]:
        weights = [[tf.constant(value) for value in values] for values in (learning, fixed)]
        outputs, _ = model.stateless_call(*weights, photos, training=False)
        return [tf.cast(tensor, tf.float32) for tensor in tf.nest.flatten(outputs)]

    return forward.get_concrete_function()


@contextmanager
def _in_bfloat16() -> Iterator[None]:
    """Let what is run for the first time in the block compute in bfloat16 where that is safe."""
    tf.config.optimizer.set_experimental_options({_OPTION: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({_OPTION: False})


def _has_gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))


def _has_bfloat16() -> bool:
    """Say whether this processor multiplies matrices in bfloat16; only Linux tells."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _cosine(some: npt.NDArray[Any], others: npt.NDArray[Any]) -> float:
    """Return the least cosine of the angle between the rows of two arrays."""
    one, other = (np.reshape(each, (len(each), -1)).astype(np.float64) for each in (some, others))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosines = (one * other).sum(axis=1) / np.maximum(lengths, np.finfo(np.float64).tiny)
    same = (one == other).all(axis=1)
    return float(np.where(same, 1.0, cosines).min())


def _key(graph: Any, precision: str) -> str:
    """Return the digest of a graph; what its nodes are called has no part in it."""
    digest = hashlib.blake2b(f"{precision} {tf.__version__}".encode())
    numbers = {node.name: str(number) for number, node in enumerate(graph.node)}
    for node in graph.node:
        inputs = [
            ":".join([numbers.get(name.strip("^"), name), *rest])
            for name, *rest in (each.split(":") for each in node.input)
        ]
        digest.update(f"{node.op} {inputs}".encode())
        for name in sorted(node.attr):
            digest.update(name.encode())
            digest.update(node.attr[name].SerializeToString(deterministic=True))
    return digest.hexdigest()
