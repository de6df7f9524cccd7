"""What the tests of serving share: a small trained model, and all formats of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kerastl.serving import keras_file, litert, onnx_file
from kerastl.serving.about import About
from small import CLASSES, Small, small


@pytest.fixture(scope="session", params=["plain", "all"])
def model(request: pytest.FixtureRequest) -> Small:
    """A small model; and one of all that can come after its logits."""
    if request.param == "plain":
        scores = {"test": {"accuracy": 0.5}}
        return small(About("sweets", CLASSES, 32, "pad", threshold=0.4, scores=scores))
    return small(About("sweets", CLASSES, 64, multi_label=True), views=2, temperature=1.7)


@pytest.fixture(scope="session")
def formats(model: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the model in each of the formats."""
    folder = tmp_path_factory.mktemp("formats")
    keras_file.write(model.served, folder)
    onnx_file.write(model.served, folder)
    litert.write(model.served, folder, None, model.photos[:0])
    return folder
