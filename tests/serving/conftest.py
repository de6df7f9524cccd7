"""What the tests of serving share: a small trained model, and all formats of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from kerastl.serving import keras_file, litert, onnx_file
from kerastl.serving.about import About
from small import CLASSES, Small, small


@cache
def _model(variant: str) -> Small:
    # The fixture is asked for anew in each file, and it takes seconds to make.
    if variant == "plain":
        scores = {"test": {"accuracy": 0.5}}
        return small(About("sweets", CLASSES, 32, "pad", threshold=0.4, scores=scores))
    return small(About("sweets", CLASSES, 64, multi_label=True), views=2, temperature=1.7)


@pytest.fixture(params=["plain", "all"])
def variant(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def model(variant: str) -> Small:
    """A small model; and one of all that can come after its logits."""
    return _model(variant)


@pytest.fixture
def formats(variant: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the model in each of the formats, for all files of tests."""
    folder, model = tmp_path_factory.getbasetemp() / f"formats-{variant}", _model(variant)
    if not folder.is_dir():
        folder.mkdir()
        keras_file.write(model.served, folder)
        onnx_file.write(model.served, folder)
        litert.write(model.served, folder, None, model.photos[:0])
    return folder
