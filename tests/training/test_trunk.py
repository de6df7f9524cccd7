from __future__ import annotations

import inspect
import subprocess
import sys

import keras
import numpy as np
import pytest

from kerastl.backbones.cuts import find_cuts, trunk_and_tail
from kerastl.training import trunk as trunk_module
from kerastl.training.trunk import compile_trunk

PHOTOS = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)


def small(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    photo = keras.Input((32, 32, 3))
    features = photo / 255
    for _ in range(3):
        features = keras.layers.Conv2D(8, 3)(features)
        features = keras.layers.BatchNormalization()(features)
        features = keras.layers.ReLU()(features)
    return keras.Model(photo, features)


def test_a_compiled_trunk_gives_what_the_layers_give_and_stays_so_when_they_change():
    model = small()
    trunk = compile_trunk(model, "float32", PHOTOS)
    expected = np.asarray(model(PHOTOS.astype(np.float32), training=False))
    np.testing.assert_allclose(trunk(PHOTOS)[0], expected, rtol=1e-4, atol=1e-5)
    for weight in model.weights:
        weight.assign(weight + 1)
    np.testing.assert_allclose(trunk(PHOTOS)[0], expected, rtol=1e-4, atol=1e-5)


_KEY = f"""
import numpy as np
import keras
from kerastl.training.trunk import compile_trunk
{inspect.getsource(small)}
for _ in range(BEFORE):
    keras.layers.Conv2D(3, 3)(keras.Input((8, 8, 3)))
print(compile_trunk(small(), "float32", np.zeros((1, 32, 32, 3), np.uint8)).key)
"""


def test_the_key_is_the_same_in_another_process_whatever_layers_are_called():
    keys = [
        subprocess.run(
            [sys.executable, "-c", _KEY.replace("BEFORE", str(before))],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for before in (0, 3)
    ]
    assert keys[0] == keys[1]
    assert keys[0].strip()


def test_the_key_depends_on_every_weight_on_the_cut_and_on_the_precision(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(trunk_module, "_has_bfloat16", lambda: True)
    monkeypatch.setattr(trunk_module, "_LEAST_COSINE", 0.5)
    model = small()
    keys = [compile_trunk(model, "float32", PHOTOS).key, compile_trunk(model, "auto", PHOTOS).key]
    lower, _ = trunk_and_tail(model, find_cuts(model)[1])
    keys.append(compile_trunk(lower, "float32", PHOTOS).key)
    for weight in model.weights:
        values = weight.numpy()
        values.flat[0] += 0.01
        weight.assign(values)
        keys.append(compile_trunk(model, "float32", PHOTOS).key)
    assert len(set(keys)) == len(keys)


def test_bfloat16_that_changes_the_features_is_not_taken_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(trunk_module, "_has_bfloat16", lambda: True)
    monkeypatch.setattr(trunk_module, "_LEAST_COSINE", 1.1)
    assert compile_trunk(small(), "auto", PHOTOS).precision == "float32"
    assert "in bfloat16 their features differ" in capsys.readouterr().out


def test_bfloat16_that_leaves_the_features_alike_is_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trunk_module, "_has_bfloat16", lambda: True)
    trunk = compile_trunk(small(), "auto", PHOTOS)
    exact = compile_trunk(small(), "float32", PHOTOS)
    assert (trunk.precision, exact.precision) == ("bfloat16", "float32")
    assert trunk(PHOTOS)[0].dtype == trunk.dtype
    difference = trunk(PHOTOS)[0].astype(np.float32) - exact(PHOTOS)[0]
    assert 0 < np.abs(difference).max() < 0.05 * exact(PHOTOS)[0].max()
