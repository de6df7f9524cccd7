"""Runs a model that does not learn over many photos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.cache import Rows
from kerastl.errors import TrainingError
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
            batch_size: Photos at a time, fewer where so many do not fit into memory.
            description: What the progress bar says.

        Raises:
            TrainingError: Not even one photo fits.
        """
        found: list[list[npt.NDArray[np.float32]]] = [[] for _ in self.model.outputs]
        with progress(description, len(images)) as done:
            for outputs in self._outputs(images, batch_size):
                for parts, array in zip(found, outputs, strict=True):
                    parts.append(array)
                done(len(outputs[0]))
        return [
            np.concatenate(parts) if parts else np.zeros((0, *tensor.shape[1:]), np.float32)
            for parts, tensor in zip(found, self.model.outputs, strict=True)
        ]

    def graph(self) -> bytes:
        """Return its graph, a `GraphDef` as TensorFlow serializes it; weights are no part of it."""
        graph = self.function.get_concrete_function().graph
        serialized: bytes = graph.as_graph_def(add_shapes=True).SerializeToString()
        return serialized

    def _outputs(self, images: Rows, batch_size: int) -> Iterator[Features]:
        """Yield the outputs batch by batch; where one does not fit into memory, by halves of it."""
        start = 0
        while start < len(images):
            photos = images[start : start + batch_size]
            try:
                outputs = self._forward(photos)
            except tf.errors.ResourceExhaustedError as error:
                if len(photos) == 1:
                    raise TrainingError(
                        "The model does not fit into memory with a single photo; free some of it, "
                        "or train a smaller one."
                    ) from error
                batch_size = len(photos) // 2
            else:
                yield outputs
                start += len(photos)

    def _forward(self, photos: npt.NDArray[np.uint8]) -> Features:
        return [tensor.numpy() for tensor in self.function(tf.cast(photos, tf.float32))]


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
