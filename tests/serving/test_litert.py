from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl.errors import ExportError, UsageError
from kerastl.serving import litert
from kerastl.serving.grouped import without_groups
from kerastl.serving.litert import open_litert


@pytest.mark.parametrize(
    ("quantization", "share"), [("float16", 0.6), ("dynamic", 0.45), ("int8", 0.5)]
)
def test_quantized_models_are_smaller_and_roughly_agree(
    model, formats: Path, quantization: str, share: float, tmp_path: Path
):
    litert.write(model.served, tmp_path, quantization, model.photos)
    path = tmp_path / "model.tflite"
    assert path.stat().st_size < share * (formats / "model.tflite").stat().st_size
    opened = open_litert(path)
    assert opened.about == model.served.about
    for photos in (model.photos[:1], model.photos):
        found = opened.probabilities(photos)
        assert found.dtype == np.float32
        assert found.shape == (len(photos), 3)
    # Random networks make much of small differences; a trained one does not.
    assert np.corrcoef(found.ravel(), model.expected.ravel())[0, 1] > 0.8


def test_an_unknown_quantization_is_told(model, tmp_path: Path):
    with pytest.raises(UsageError, match=r"no quantization 'int4'\. Did you mean 'int8'"):
        litert.write(model.served, tmp_path, "int4", model.photos)


def test_int8_without_examples_is_told(model, tmp_path: Path):
    with pytest.raises(ExportError, match="int8 needs example photos"):
        litert.write(model.served, tmp_path, "int8", model.photos[:0])


def test_grouped_convolutions_of_one_channel_become_depthwise():
    photos = keras.Input((8, 8, 3))
    first = keras.layers.Conv2D(6, 3, padding="same", name="whole")(photos)
    grouped = keras.layers.Conv2D(6, 3, padding="same", groups=6, activation="relu", name="one")
    inner = keras.Model(photos, grouped(first) * 2)
    model = keras.Model(photos, inner(photos))
    instead = without_groups(model)
    kinds = {layer.name: type(layer).__name__ for layer in instead._flatten_layers()}
    assert kinds["one"] == "DepthwiseConv2D"
    assert kinds["whole"] == "Conv2D"
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3))
    np.testing.assert_allclose(model(images), instead(images), atol=1e-6)


def test_a_model_without_them_stays_as_it_is(model):
    assert without_groups(model.served.model) is model.served.model
