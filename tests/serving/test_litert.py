from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kerastl.data.photos import read_photos
from kerastl.errors import ExportError, UsageError
from kerastl.labelled import Split
from kerastl.serving import litert
from kerastl.serving.litert import open_litert
from kerastl.serving.served import open_served, served
from kerastl.trained import load


@pytest.mark.parametrize(
    ("quantization", "share"),
    [
        ("float16", 0.6),
        ("int8", 0.5),
        pytest.param("dynamic", 0.45, marks=pytest.mark.slow),
    ],
)
def test_quantized_models_are_smaller_and_take_any_batch(
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("quantization", "limit"), [("float16", 0.05), ("dynamic", 0.15), ("int8", 0.15)]
)
def test_quantized_models_roughly_agree(
    finished, photos: Path, quantization: str, limit: float, tmp_path: Path
):
    directory, _ = finished
    trained = load(str(directory))
    files = sorted(map(str, photos.glob("*/*.jpg")))
    images = read_photos(Split(files, [0] * len(files)), 32, "reading").images[:]
    model = served(trained.model.model, trained.about)
    expected = open_served(model, directory).probabilities(images)
    litert.write(model, tmp_path, quantization, images)
    found = open_litert(tmp_path / "model.tflite").probabilities(images)
    # So small a network, trained for so short a time, makes much of small differences.
    assert np.abs(found - expected).mean() < limit
    if quantization != litert.INT8:
        assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.75


def test_an_unknown_quantization_is_told(model, tmp_path: Path):
    with pytest.raises(UsageError, match=r"no quantization 'int4'\. Did you mean 'int8'"):
        litert.write(model.served, tmp_path, "int4", model.photos)


def test_int8_without_examples_is_told(model, tmp_path: Path):
    with pytest.raises(ExportError, match="int8 needs example photos"):
        litert.write(model.served, tmp_path, "int8", model.photos[:0])
