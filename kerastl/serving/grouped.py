"""Convolutions of one channel each, written as what they are: LiteRT runs them only so."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def without_groups(model: keras.Model) -> keras.Model:
    """Return a model without `Conv2D` that has a group for each channel, as ConvNeXt has.

    Each becomes a `DepthwiseConv2D` of the same name and weights; all other layers are shared. The
    model itself is returned where it has none.
    """
    if not any(_is_grouped(layer) for layer in model._flatten_layers()):
        return model
    return keras.models.clone_model(model, clone_function=_instead, recursive=True)


def _is_grouped(layer: Any) -> bool:
    of_channels = type(layer) is keras.layers.Conv2D and layer.groups == layer.filters > 1
    return of_channels and layer.kernel.shape[2] == 1


def _instead(layer: Any) -> Any:
    return _depthwise(layer) if _is_grouped(layer) else layer


def _depthwise(layer: keras.layers.Conv2D) -> keras.layers.DepthwiseConv2D:
    config = layer.get_config()
    shared = ("name", "dtype", "kernel_size", "strides", "padding", "dilation_rate", "use_bias")
    kept = {key: config[key] for key in (*shared, "data_format", "activation")}
    instead = keras.layers.DepthwiseConv2D.from_config(kept)
    instead.build(layer.input.shape)
    kernel, *bias = (weight.numpy() for weight in layer.weights)
    instead.set_weights([np.swapaxes(kernel, 2, 3), *bias])
    return instead
