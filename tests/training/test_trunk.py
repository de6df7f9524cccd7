from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import keras
import numpy as np
import pytest

from kerastl.backbones.cuts import find_cuts, trunk_and_tail
from kerastl.backbones.engine import has_bfloat16
from kerastl.cache import Cache, id_of, ids_of
from kerastl.data.photos import Photos
from kerastl.recipe import Stage
from kerastl.training import trunk as trunk_module
from kerastl.training.features import Source
from kerastl.training.trunk import Trunk, trunk_of

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
PHOTOS = Photos(
    IMAGES,
    np.zeros(4, np.int64),
    ("a", "b", "c", "d"),
    ids_of(id_of(image.tobytes()) for image in IMAGES),
    "reader",
)


def small(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    photo = keras.Input((32, 32, 3))
    features = photo / 255
    for _ in range(3):
        features = keras.layers.Conv2D(8, 3)(features)
        features = keras.layers.BatchNormalization()(features)
        features = keras.layers.ReLU()(features)
    return keras.Model(photo, features)


@pytest.fixture
def of(tmp_path: Path) -> Callable[..., Trunk]:
    return lambda model, precision: trunk_of(model, precision, PHOTOS, Cache(tmp_path))


def float32(trunk: Trunk) -> np.ndarray:
    return trunk(IMAGES)[0].astype(np.float32)


def test_a_trunk_gives_what_the_layers_give_and_stays_so_when_they_change(of):
    model = small()
    trunk = of(model, "float32")
    expected = np.asarray(model(IMAGES.astype(np.float32), training=False))
    np.testing.assert_allclose(float32(trunk), expected, rtol=1e-4, atol=1e-5)
    for weight in model.weights:
        weight.assign(weight + 1)
    np.testing.assert_allclose(float32(trunk), expected, rtol=1e-4, atol=1e-5)


def test_constants_that_layers_make_by_themselves_are_a_part_of_the_trunk(of):
    photo = keras.Input((32, 32, 3))
    model = keras.Model(photo, keras.applications.resnet50.preprocess_input(photo))
    expected = keras.applications.resnet50.preprocess_input(IMAGES.astype(np.float32))
    np.testing.assert_allclose(float32(of(model, "float32")), expected, rtol=1e-6)


_KEY = f"""
import keras
from kerastl.training.trunk import Frozen
{inspect.getsource(small)}
for _ in range(BEFORE):
    small()
print(Frozen(small()).key.hex())
"""


@pytest.mark.slow
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


def test_the_key_depends_on_every_weight_on_every_layer_on_the_cut_and_on_the_precision(
    of, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(trunk_module, "has_bfloat16", lambda: True)
    monkeypatch.setattr(trunk_module, "_LEAST_COSINE", 0.5)
    model = small()
    keys = [of(model, "float32").key, of(model, "auto").key]
    lower, _ = trunk_and_tail(model, find_cuts(model)[1])
    keys.append(of(lower, "float32").key)
    for prepared in (lambda x: x / 127.5, lambda x: x / 127, lambda x: x[..., ::-1]):
        photo = keras.Input((32, 32, 3))
        keys.append(of(keras.Model(photo, prepared(photo)), "float32").key)
    for weight in model.weights:
        values = weight.numpy()
        values.flat[0] += 0.01
        weight.assign(values)
        keys.append(of(model, "float32").key)
    assert len(set(keys)) == len(keys)


def test_an_activation_that_is_called_as_a_layer_is_has_a_part_in_the_key(of):
    def model(kind: str) -> keras.Model:
        photo = keras.Input((32, 32, 3))
        return keras.Model(photo, keras.layers.Activation(kind, name=kind)(photo))

    assert of(model("relu"), "float32").key != of(model("swish"), "float32").key


def test_features_are_not_those_of_photos_that_were_read_in_another_way(of, tmp_path: Path):
    source = Source(of(small(), "float32"), Cache(tmp_path), 4, 0)
    stage, numbers = Stage("frozen", 1, 1e-3), np.arange(4)
    before = source.features(PHOTOS, stage, range(1), "").of(numbers, 0)[0]
    otherwise = attrs.evolve(PHOTOS, images=255 - IMAGES, reader="another")
    after = source.features(otherwise, stage, range(1), "").of(numbers, 0)[0]
    np.testing.assert_array_equal(after, source.trunk(otherwise.images)[0])
    assert (before != after).any()


def test_bfloat16_that_changes_the_features_is_not_taken_and_that_is_said(
    of, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(trunk_module, "has_bfloat16", lambda: True)
    monkeypatch.setattr(trunk_module, "_LEAST_COSINE", 1.1)
    assert of(small(), "auto").precision == "float32"
    assert "in bfloat16 their features differ" in capsys.readouterr().out


def test_bfloat16_that_leaves_the_features_alike_is_taken(of, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trunk_module, "has_bfloat16", lambda: True)
    trunk, exact = of(small(), "auto"), of(small(), "float32")
    assert (trunk.precision, exact.precision) == ("bfloat16", "float32")
    assert trunk(IMAGES)[0].dtype == trunk.dtype
    difference = float32(trunk) - float32(exact)
    assert 0 < np.abs(difference).max() < 0.05 * float32(exact).max()


@pytest.mark.skipif(not has_bfloat16(), reason="this processor does not multiply in bfloat16")
def test_a_trunk_in_bfloat16_stays_in_it_whatever_else_tensorflow_does(
    of, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(trunk_module, "has_bfloat16", lambda: True)
    trunk = of(small(), "auto")
    first = float32(trunk)
    small()(IMAGES.astype(np.float32))
    np.testing.assert_array_equal(float32(trunk), first)
    rounded = float32(of(small(), "float32")).astype(trunk.dtype).astype(np.float32)
    assert (float32(trunk) != rounded).any()


def test_whether_bfloat16_agrees_is_found_out_once(of, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trunk_module, "has_bfloat16", lambda: True)
    found = of(small(), "auto").precision
    monkeypatch.setattr(Trunk, "__call__", lambda *_: pytest.fail("it is run once more"))
    assert of(small(), "auto").precision == found
