"""A trained model -> what all formats write: probabilities, features, and where they come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.backbones.cuts import HEAD, TEMPERATURE, VIEWS
from kerastl.backbones.folding import Folded
from kerastl.backbones.signature import Signature
from kerastl.serving.about import About
from kerastl.serving.opened import Opened, Pixels, Values
from kerastl.serving.rebuilding import in_float32
from kerastl.threads import once

_LOGITS, _POOL = f"{HEAD}logits", f"{HEAD}avg_pool"
# The last layer of the Keras model that is served.
PROBABILITIES = "probabilities"
# So many weights, as MobileNets have, are constants of a graph, also in a SavedModel: they are read
# and ordered once. With AVX2 alone MobileNetV2 of width 0.35 answers a lone photo in a third of
# the time, of width 1.0 in five sixths. But each pass over a graph copies its constants, which take
# 170 bytes for each weight: what has more, and answers fewer photos anyway, has variables.
_MOST_CONSTANTS = 4_000_000


class Outputs(NamedTuple):
    """What a model makes of photos.

    Args:
        probabilities: Of each class, or of each label for itself, float32 `[photos, classes]`.
        embedding: The features that the head begins with, float32 `[photos, channels]`.
        maps: How much each place speaks for each class, float32 `[photos, height, width, classes]`
            of the backbone's last layer; None where the head does not allow it.
    """

    probabilities: tf.Tensor
    embedding: tf.Tensor
    maps: tf.Tensor | None


@attrs.frozen(eq=False)
class Served:
    """A trained model, taken apart so that it can answer more than one question.

    Args:
        model: All of it, from photos `[batch, size, size, 3]` of 0..255 to logits, in float32.
        about: What it says of itself.
    """

    model: keras.Model
    about: About
    views: int = attrs.field(init=False)
    temperature: float = attrs.field(init=False)
    look: keras.Model = attrs.field(init=False, repr=False)
    kernel: npt.NDArray[np.float32] | None = attrs.field(init=False, repr=False)

    @views.default
    def _views(self) -> int:
        return 2 if _layer(self.model, VIEWS) else 1

    @temperature.default
    def _temperature(self) -> float:
        layer = _layer(self.model, TEMPERATURE)
        return 1 / float(layer.scale) if layer else 1.0

    @look.default
    def _look(self) -> keras.Model:
        """One look: from photos to logits, embedding, and the backbone's features."""
        inner = [layer for layer in self.model.layers if isinstance(layer, keras.Model)]
        looking = inner[0] if self.views > 1 else self.model
        logits = looking.get_layer(_LOGITS).output
        first = next(layer for layer in looking.layers if layer.name.startswith(HEAD))
        pools = _layer(looking, f"{HEAD}pools")
        outputs = [logits, (pools or first).output, first.input]
        return keras.Model(looking.inputs[0], outputs, name=looking.name)

    @kernel.default
    def _kernel(self) -> npt.NDArray[np.float32] | None:
        """What the mean of each feature adds to each logit; None where there is more between."""
        between = [f"{HEAD}pools", f"{HEAD}dense_0"]
        if _layer(self.look, _POOL) and not any(_layer(self.look, name) for name in between):
            return np.array(self.look.get_layer(_LOGITS).kernel)
        return None

    @property
    def explains(self) -> bool:
        """Whether it can say where it sees a class."""
        return self.kernel is not None

    def as_keras(self) -> keras.Model:
        """Return the Keras model from photos of 0..255 to probabilities."""
        kind = "sigmoid" if self.about.multi_label else "softmax"
        layer = keras.layers.Activation(kind, dtype="float32", name=PROBABILITIES)
        return keras.Model(self.model.inputs[0], layer(self.model.outputs[0]), name=self.model.name)


@attrs.frozen(eq=False)
class Answering:
    """The graph of a model that is served, batch normalisation folded into the convolutions.

    Args:
        served: The model.
        kept: What a copy of a weight is kept as. Unless it is said, few weights are arrays, of
            which each graph makes constants, and more are variables.
        module: Holds the copies, and what else is written with them.
    """

    served: Served
    kept: Callable[..., Any] = attrs.field()
    _folded: Folded = attrs.field(init=False, repr=False)
    module: tf.Module = attrs.field(init=False, repr=False)

    @kept.default
    def _as_many_as_they_are(self) -> Callable[..., Any]:
        return np.asarray if self.served.look.count_params() <= _MOST_CONSTANTS else tf.Variable

    @_folded.default
    def _with_fewer_steps(self) -> Folded:
        return Folded(self.served.look)

    @module.default
    def _with_weights(self) -> tf.Module:
        module = tf.Module()
        module.weights = [self.kept(each.numpy()) for each in self._folded.variables]
        return module

    def __call__(self, photos: tf.Tensor) -> Outputs:
        """Return what the model makes of photos, float32 `[batch, size, size, 3]` of 0..255."""
        weights = map(tf.convert_to_tensor, self.module.weights)
        with keras.StatelessScope([*zip(self._folded.variables, weights, strict=True)]):
            logits, embedding, features = self._looked_at(photos)
        squash: Callable[..., Any] = tf.sigmoid if self.served.about.multi_label else tf.nn.softmax
        kernel = self.served.kernel
        maps = None if kernel is None else tf.linalg.matmul(features, kernel)
        return Outputs(squash(logits / self.served.temperature), embedding, maps)

    def _looked_at(self, photos: tf.Tensor) -> list[tf.Tensor]:
        seen = self._looked_once(photos)
        if self.served.views == 1:
            return seen
        logits, embedding, features = self._looked_once(tf.reverse(photos, [2]))
        mirrored = (logits, embedding, tf.reverse(features, [2]))
        return [(one + other) / 2 for one, other in zip(seen, mirrored, strict=True)]

    def _looked_once(self, photos: tf.Tensor) -> list[tf.Tensor]:
        return [tf.cast(tensor, tf.float32) for tensor in self._folded(photos)]


def traced(function: Callable[..., Any], signature: list[tf.TensorSpec]) -> Any:
    """Return a function of tensors that is traced once, and computes as a graph from then on."""
    return tf.function(function, input_signature=signature, autograph=False)


def pixels(size: int, kind: tf.DType) -> list[tf.TensorSpec]:
    """Return the signature of what takes photos `[batch, size, size, 3]` of 0..255."""
    return [tf.TensorSpec([None, size, size, 3], kind, "images")]


def heat_map(outputs: Outputs) -> tf.Tensor:
    """Return where the most probable class is seen, float32 `[photos, height, width]` of 0..1.

    It is the class activation map (Zhou et al., 2016), scaled for each photo.
    """
    label = tf.argmax(outputs.probabilities, axis=1)
    seen = tf.nn.relu(tf.gather(outputs.maps, label, axis=3, batch_dims=1))
    return tf.math.divide_no_nan(seen, tf.reduce_max(seen, axis=[1, 2], keepdims=True))


def open_served(model: Served, path: Path) -> Opened:
    """Return a model as one that answers, compiled for it when it is first asked.

    Args:
        model: The model.
        path: Where it is from.
    """
    answering, size = Answering(model), model.about.image_size

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = answering(images)
        maps = {"heat_map": heat_map(outputs)} if model.explains else {}
        return {"probabilities": outputs.probabilities, "embedding": outputs.embedding, **maps}

    of_floats = traced(answer, pixels(size, tf.float32))
    of_bytes = traced(lambda images: of_floats(tf.cast(images, tf.float32)), pixels(size, tf.uint8))

    @once
    def signature() -> Signature:
        return Signature(*(each.get_concrete_function() for each in (of_bytes, of_floats)))

    def asked(output: str) -> Callable[[Pixels], Values]:
        forward = once(lambda: signature().forward(output))
        return lambda images: np.asarray(forward()(images)[0])

    return Opened(
        model.about,
        path,
        "run",
        asked("probabilities"),
        asked("embedding"),
        asked("heat_map") if model.explains else None,
    )


def served(model: keras.Model, about: About) -> Served:
    """Return a trained model as it is served: in float32, whatever it was trained in.

    Args:
        model: From photos to logits.
        about: What it says of itself.
    """
    return Served(in_float32(model), about)


def _layer(model: keras.Model, name: str) -> Any:
    return next((layer for layer in model.layers if layer.name == name), None)
