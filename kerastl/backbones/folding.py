"""Folds batch normalisation into the convolutions before it, in a model that does not learn."""

from __future__ import annotations

import inspect
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.backbones.cuts import nodes_of

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)


@attrs.frozen(eq=False)
class Folded:
    """A model in inference mode, run with fewer steps (Jacob et al., 2018).

    Where a convolution is followed by batch normalisation alone, its kernel is scaled and what
    remains is a bias. All other layers are the model's own; nothing is added to it.

    Args:
        model: A functional model; it stays as it is.
    """

    model: keras.Model
    _instead: Mapping[Any, Any] = attrs.field(init=False, repr=False)

    @_instead.default
    def _found(self) -> dict[Any, Any]:
        chained = [*_chained(self.model)]
        pairs = {
            before.operation: after.operation
            for before, after in chained
            if _is_pair(before, after)
        }
        padded = {
            after.operation: before.operation
            for before, after in chained
            if after.operation in pairs and _is_same(before, after)
        }
        scaled = {
            layer: _scaled(layer, _scale(norm), layer in padded) for layer, norm in pairs.items()
        }
        added = {norm: _adding(_offset(layer, norm)) for layer, norm in pairs.items()}
        return scaled | added | dict.fromkeys(padded.values(), _as_it_is)

    @property
    def variables(self) -> list[keras.Variable]:
        """All that a call reads."""
        replaced = {id(variable) for layer in self._instead for variable in layer.variables}
        left = [each for each in self.model.variables if id(each) not in replaced]
        own = (getattr(each, "variables", ()) for each in self._instead.values())
        return left + list(itertools.chain.from_iterable(own))

    def __call__(self, photos: tf.Tensor) -> list[tf.Tensor]:
        """Return the outputs of the model for photos, float32 `[batch, height, width, 3]`."""

        def instead(operation: Any) -> Any:
            return self._instead.get(operation) or _without_learning(operation)

        outputs: list[tf.Tensor] = keras.tree.flatten(
            self.model._run_through_graph(photos, instead)
        )
        return outputs


def _without_learning(operation: Any) -> Any:
    parameters = inspect.signature(operation.call).parameters
    if "training" not in parameters:
        return operation
    return lambda *inputs, **options: operation(*inputs, **{**options, "training": False})


def _adding(values: npt.NDArray[np.float32]) -> Callable[..., tf.Tensor]:
    """Return what adds them to the channels, in the one way that TensorFlow fuses."""
    return lambda features, **_: tf.nn.bias_add(features, tf.cast(values, features.dtype))


def _as_it_is(features: tf.Tensor, **_: Any) -> tf.Tensor:
    return features


def _chained(model: keras.Model) -> Iterator[tuple[Any, Any]]:
    """Yield nodes that nothing but one other follows, with that one; each alone calls its layer."""
    nodes = nodes_of(model)
    uses = Counter(id(tensor) for node in nodes for tensor in node.input_tensors)
    uses.update(id(tensor) for tensor in model.outputs)
    calls = Counter(id(node.operation) for node in nodes)
    made_by = {id(tensor): node for node in nodes for tensor in node.output_tensors}
    for node in nodes:
        if len(node.input_tensors) != 1:
            continue
        (tensor,) = node.input_tensors
        before = made_by.get(id(tensor))
        alone = before and uses[id(tensor)] == calls[id(before.operation)] == 1
        if alone and calls[id(node.operation)] == 1:
            yield before, node


def _is_pair(before: Any, after: Any) -> bool:
    """Say whether they are a convolution and a batch normalisation of its channels."""
    norm = after.operation
    return (
        type(norm) is keras.layers.BatchNormalization
        and norm.axis in (-1, len(after.input_tensors[0].shape) - 1)
        and _is_linear_convolution(before.operation)
    )


def _is_same(before: Any, after: Any) -> bool:
    """Say whether a layer pads as a convolution does by itself that is padded to "same"."""
    padding, convolution = before.operation, after.operation
    if type(padding) is not keras.layers.ZeroPadding2D or convolution.padding != "valid":
        return False
    sides = before.input_tensors[0].shape[1:3]
    is_plain = padding.data_format == "channels_last" and set(convolution.dilation_rate) == {1}
    if not is_plain or None in sides:
        return False
    each = zip(sides, convolution.kernel_size, convolution.strides, strict=True)
    return [tuple(some) for some in padding.padding] == [_same(*some) for some in each]


def _same(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return how much TensorFlow pads a side by, before it and after it."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


def _is_linear_convolution(layer: Any) -> bool:
    return (
        type(layer) in _CONVOLUTIONS
        and layer.activation is keras.activations.linear
        and layer.data_format == "channels_last"
    )


def _scale(norm: Any) -> npt.NDArray[np.float32]:
    gamma = 1.0 if norm.gamma is None else norm.gamma.numpy()
    scale: npt.NDArray[np.float32] = gamma / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
    return scale


def _offset(convolution: Any, norm: Any) -> npt.NDArray[np.float32]:
    bias = convolution.bias.numpy() if convolution.use_bias else 0.0
    beta = 0.0 if norm.beta is None else norm.beta.numpy()
    offset: npt.NDArray[np.float32] = beta + (bias - norm.moving_mean.numpy()) * _scale(norm)
    return offset


def _kernels(layer: Any, count: int) -> list[Any]:
    return [layer.kernel] if type(layer) is keras.layers.Conv2D else layer.weights[:count]


def _scaled(layer: Any, scale: npt.NDArray[np.float32], pads: bool) -> Any:
    """Return the convolution without bias, its last kernel scaled by output channel."""
    config = layer.get_config()
    config |= {key: "zeros" for key in config if key.endswith("_initializer")}
    # What was added to the kernel is a part of it here.
    config.pop("lora_rank", None)
    # The same for a single pixel, and the one that TensorFlow fuses an addition into.
    if pads or set(layer.kernel_size) == {1}:
        config["padding"] = "same"
    clone = type(layer).from_config({**config, "use_bias": False})
    clone.build(layer.input.shape)
    kernels = [np.array(weight) for weight in _kernels(layer, len(clone.weights))]
    # A depthwise kernel holds its output channels in its last two axes.
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    kernels[-1] *= scale.reshape(kernels[-1].shape[2:]) if depthwise else scale
    clone.set_weights(kernels)
    return clone
