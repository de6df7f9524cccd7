from __future__ import annotations

import keras
import numpy as np

from kerastl.serving.rebuilding import in_float32, without_groups


def test_grouped_convolutions_of_one_channel_become_depthwise():
    photos = keras.Input((8, 8, 3), name="photo")
    first = keras.layers.Conv2D(6, 3, padding="same", name="whole")(photos)
    grouped = keras.layers.Conv2D(6, 3, padding="same", groups=6, activation="relu", name="one")
    halves = keras.layers.Conv2D(6, 3, padding="same", groups=2, name="halves")
    inner = keras.Model(photos, halves(grouped(first)) * 2)
    model = keras.Model(photos, inner(photos))
    instead = without_groups(model)
    kinds = {layer.name: type(layer).__name__ for layer in instead._flatten_layers()}
    assert kinds["one"] == "DepthwiseConv2D"
    assert kinds["whole"] == kinds["halves"] == "Conv2D"
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3))
    np.testing.assert_allclose(model(images), instead(images), atol=1e-6)


def test_a_model_without_them_stays_as_it_is(model):
    assert without_groups(model.served.model) is model.served.model


def test_normalization_that_was_learnt_is_kept_in_float32():
    photos = keras.Input((8, 8, 3))
    normalization = keras.layers.Normalization(dtype="mixed_bfloat16")
    pool = keras.layers.GlobalAveragePooling2D(dtype="mixed_bfloat16")
    model = keras.Model(photos, pool(normalization(photos)))
    images = np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3))
    normalization.adapt(images)
    exact = in_float32(model)
    assert exact.compute_dtype == "float32"
    np.testing.assert_allclose(exact(images), model(images), atol=0.05)
    assert np.abs(exact(images)).max() < 1
