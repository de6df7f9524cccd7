"""Runs a model that does not learn over many photos."""

from __future__ import annotations

from typing import Any

import attrs
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.cache import Rows
from kerastl.live import progress

Features = list[npt.NDArray[np.float32]]


@attrs.frozen(eq=False)
class Compiled:
    """A model in inference mode, traced once however often it is used.

    Args:
        model: What was compiled.
        function: From photos, float32 `[batch, height, width, 3]` of 0..255, to the list of the
            model's outputs, float32.
    """

    model: keras.Model
    function: Any = attrs.field(repr=False)

    def __call__(self, images: Rows, batch_size: int, description: str) -> Features:
        """Return one float32 array `[photos, ...]` for each of the model's outputs.

        Args:
            images: RGB, uint8 `[photos, height, width, 3]`.
            batch_size: Photos at a time.
            description: What the progress bar says.
        """
        found: list[list[npt.NDArray[np.float32]]] = [[] for _ in self.model.outputs]
        with progress(description, len(images)) as done:
            for start in range(0, len(images), batch_size):
                photos = images[start : start + batch_size]
                for parts, tensor in zip(found, self._forward(photos), strict=True):
                    parts.append(tensor.numpy())
                done(len(photos))
        return [
            np.concatenate(parts) if parts else np.zeros((0, *tensor.shape[1:]), np.float32)
            for parts, tensor in zip(found, self.model.outputs, strict=True)
        ]

    def graph(self) -> bytes:
        """Return its graph, a `GraphDef` as TensorFlow serializes it; weights are no part of it."""
        graph = self.function.get_concrete_function().graph
        serialized: bytes = graph.as_graph_def(add_shapes=True).SerializeToString()
        return serialized

    def _forward(self, photos: npt.NDArray[np.uint8]) -> list[Any]:
        result: list[Any] = self.function(tf.cast(photos, tf.float32))
        return result


def compiled(model: keras.Model) -> Compiled:
    """Return the model ready to be run in inference mode.

    The weights are read at each call, so that it stays true when they change.

    Args:
        model: A functional model from photos to one tensor or several.
    """

    @tf.function(input_signature=[tf.TensorSpec(model.inputs[0].shape, tf.float32)])
    def forward(photos: tf.Tensor) -> list[tf.Tensor]:
        result = model(photos, training=False)
        return [tf.cast(tensor, tf.float32) for tensor in tf.nest.flatten(result)]

    return Compiled(model, forward)
