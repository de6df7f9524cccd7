from __future__ import annotations

import keras
import numpy as np
import pytest

from kerastl.backbones.folding import folded

PHOTOS = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)


def with_statistics(model: keras.Model) -> keras.Model:
    """Give every batch normalisation values that are not those it begins with."""
    random = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for weight in layer.weights:
                weight.assign(random.uniform(0.5, 1.5, weight.shape))
    return model


def norms(model: keras.Model) -> int:
    return sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)


def same(one: keras.Model, other: keras.Model) -> None:
    expected = np.asarray(one(PHOTOS, training=False))
    found = np.asarray(other(PHOTOS, training=False))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_every_kind_of_convolution_is_folded():
    photo = keras.Input((32, 32, 3))
    features = keras.layers.Conv2D(4, 3)(photo)
    features = keras.layers.BatchNormalization(scale=False)(features)
    features = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)(features)
    features = keras.layers.BatchNormalization(center=False)(features)
    features = keras.layers.SeparableConv2D(5, 3)(features)
    model = with_statistics(keras.Model(photo, keras.layers.BatchNormalization()(features)))
    assert norms(folded(model)) == 0
    same(model, folded(model))


def test_what_is_used_elsewhere_or_is_not_linear_is_left():
    photo = keras.Input((32, 32, 3))
    first = keras.layers.Conv2D(4, 3, padding="same")(photo)
    second = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(first)
    normed = [keras.layers.BatchNormalization()(each) for each in (first, second)]
    shared = keras.layers.Conv2D(4, 1)
    twice = [keras.layers.BatchNormalization()(shared(each)) for each in normed]
    model = with_statistics(keras.Model(photo, keras.layers.Add()([first, *twice])))
    assert norms(folded(model)) == norms(model) == 4
    same(model, folded(model))


@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50V2", "EfficientNetB0", "DenseNet121"])
def test_backbones_stay_the_same_with_fewer_steps(name: str):
    constructor = getattr(keras.applications, name)
    model = with_statistics(constructor(include_top=False, weights=None, input_shape=(32, 32, 3)))
    before = [weight.numpy() for weight in model.weights]
    found = folded(model)
    assert norms(found) < norms(model)
    same(model, found)
    for mine, theirs in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs)
