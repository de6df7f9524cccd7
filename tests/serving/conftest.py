"""What the tests of serving share: a small trained model, and all formats of it."""

from __future__ import annotations

from pathlib import Path

import attrs
import keras
import numpy as np
import pytest

from kerastl.recipe import Backbone, Head, Recipe
from kerastl.serving import keras_file, litert, onnx_file
from kerastl.serving.about import About
from kerastl.serving.served import Served, served
from kerastl.training.model import build, over_views, with_temperature
from kerastl.training.normalization import estimate_statistics

CLASSES = ("blue", "green", "très red")


@attrs.frozen(eq=False)
class Small:
    """A model that is served, photos for it, and what Keras says of them."""

    served: Served
    photos: np.ndarray
    expected: np.ndarray


def small(about: About, views: int = 1, temperature: float | None = None) -> Small:
    keras.utils.set_random_seed(5)
    size = about.image_size
    backbone = Backbone("MobileNet", size, options={"alpha": 0.25}, weights=None)
    recipe = Recipe(name=about.name, data="photos", backbone=backbone, head=Head(), stages=())
    model = build(recipe, len(about.classes)).model
    # Smooth as photos are, from dark to light.
    random = np.random.default_rng(5)
    corners = random.uniform(0, 255, (16, 4, 4, 3))
    photos = keras.ops.image.resize(corners, (size, size), interpolation="bicubic")
    photos = np.clip(photos, 0, 255).astype(np.uint8)
    estimate_statistics(model, [photos])
    # As after training; only a training needs it compiled, and no export may.
    model.compile("sgd", "categorical_crossentropy")
    model = over_views(model, views)
    model = with_temperature(model, temperature) if temperature else model
    one = served(model, about)
    return Small(one, photos, one.as_keras().predict_on_batch(photos.astype(np.float32)))


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
