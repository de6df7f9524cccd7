"""A model built anew from its config with other layers in it, and the weights it had."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from kerastl.backbones.values import settle

Config = dict[str, Any]

# How a model was trained; to make that anew may need more than Keras.
_COMPILED = "compile_config"
# What a convolution keeps of its config where it becomes a depthwise one.
_KEPT = ("name", "dtype", "kernel_size", "strides", "padding", "dilation_rate", "data_format")
_KEPT_TOO = ("use_bias", "activation")


def in_float32(model: keras.Model) -> keras.Model:
    """Return the model with layers that compute in float32, and the same weights."""
    if all(layer.compute_dtype == "float32" for layer in model._flatten_layers()):
        return model
    return _rebuilt(model, _with_float32)


def without_groups(model: keras.Model) -> keras.Model:
    """Return a model without `Conv2D` that has a group for each channel, as ConvNeXt has.

    Each becomes a `DepthwiseConv2D` of the same name and weights, which is the same and what
    LiteRT and ONNX can run. The model itself is returned where it has none.
    """
    configs = (keras.saving.serialize_keras_object(each) for each in model._flatten_layers())
    return _rebuilt(model, _depthwise) if any(map(_has_groups, configs)) else model


def not_compiled(value: Any, change: Callable[[Config], Config] = lambda config: config) -> Any:
    """Return a config without how the model was trained.

    Args:
        value: The config, or a part of it.
        change: What each object's own part becomes.
    """
    if isinstance(value, dict):
        kept = {key: each for key, each in change(value).items() if key != _COMPILED}
        return {key: not_compiled(each, change) for key, each in kept.items()}
    if isinstance(value, list):
        return [not_compiled(each, change) for each in value]
    return value


def _rebuilt(model: keras.Model, change: Callable[[Config], Config]) -> keras.Model:
    config = not_compiled(keras.saving.serialize_keras_object(model), change)
    anew = keras.saving.deserialize_keras_object(config)
    for weight, before in zip(anew.weights, model.weights, strict=True):
        value = before.numpy()
        # A depthwise kernel holds its channels one axis before.
        same = tuple(weight.shape) == value.shape
        weight.assign(value if same else np.swapaxes(value, 2, 3))
    settle(anew)
    return anew


def _with_float32(config: Config) -> Config:
    if config.get("class_name") != "DTypePolicy":
        return config
    return {**config, "config": {**config["config"], "name": "float32"}}


def _depthwise(config: Config) -> Config:
    if not _has_groups(config):
        return config
    kept = {key: config["config"][key] for key in (*_KEPT, *_KEPT_TOO)}
    return {**config, "class_name": "DepthwiseConv2D", "config": kept}


def _has_groups(config: Config) -> bool:
    """Say whether it is of a convolution that has a group for each channel."""
    if (config.get("module"), config.get("class_name")) != ("keras.layers", "Conv2D"):
        return False
    groups, channels = config["config"]["groups"], config["build_config"]["input_shape"][-1]
    return bool(groups > 1 and groups == channels == config["config"]["filters"])
