from __future__ import annotations

import attrs
import keras
import numpy as np
import pytest

from kerastl.recipe import Recipe
from kerastl.training.model import build
from kerastl.training.normalization import estimate_statistics, prepare_normalization


def test_statistics_are_those_of_the_photos(recipe: Recipe):
    images = np.random.default_rng(0).integers(0, 255, (16, 32, 32, 3), dtype=np.uint8)
    model = build(recipe, 3).model
    momenta = [getattr(layer, "momentum", None) for layer in model.layers]
    estimate_statistics(model, [images.astype(np.float32)])
    first = next(each for each in model.layers if isinstance(each, keras.layers.BatchNormalization))
    before = keras.Model(model.inputs[0], first.input)(images.astype(np.float32), training=False)
    values = np.asarray(before).reshape(-1, before.shape[-1])
    np.testing.assert_allclose(first.moving_mean.numpy(), values.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(first.moving_variance.numpy(), values.var(axis=0), rtol=1e-2)
    assert [getattr(layer, "momentum", None) for layer in model.layers] == momenta


def test_a_random_network_passes_its_signal_on(recipe: Recipe):
    images = np.random.default_rng(0).integers(0, 255, (16, 32, 32, 3), dtype=np.uint8)
    model = build(recipe, 3).model

    def spread() -> float:
        return float(
            np.asarray(model(images.astype(np.float32), training=False)).std(axis=0).mean()
        )

    dead = spread()
    estimate_statistics(model, [images.astype(np.float32)])
    assert spread() > 10 * dead


@pytest.mark.parametrize("devices", [1, 2])
def test_statistics_follow_a_step_as_far_whatever_number_of_devices_takes_it(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, devices: int
):
    monkeypatch.setattr("kerastl.training.normalization.replicas", lambda: devices)
    model = build(recipe, 3).model
    stage = attrs.evolve(recipe.stages[1], normalization="training")
    # Another stage, or a resumed one, leaves it so.
    for _ in range(2):
        prepare_normalization(model, stage, None, 0, False)
        norms = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
        assert {round(norm.momentum**devices, 6) for norm in norms} == {0.9}
