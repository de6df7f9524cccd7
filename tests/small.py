"""Builds the small trained model that tests of serving begin with."""

from __future__ import annotations

import attrs
import keras
import numpy as np

from kerastl.backbones.adapter import graph
from kerastl.recipe import Backbone, Head
from kerastl.serving.about import About
from kerastl.serving.served import Served, served
from kerastl.training.head import add_head
from kerastl.training.model import over_views, with_temperature
from kerastl.training.normalization import estimate_statistics

CLASSES = ("blue", "green", "très red")


@attrs.frozen(eq=False)
class Small:
    """A model that is served, photos for it, and what Keras says of them."""

    served: Served
    photos: np.ndarray
    expected: np.ndarray


def small(
    about: About,
    views: int = 1,
    temperature: float | None = None,
    constructor: str = "MobileNet",
) -> Small:
    keras.utils.set_random_seed(5)
    size, options = about.image_size, {"alpha": 0.25} if constructor == "MobileNet" else {}
    backbone, _ = graph(Backbone(constructor, size, options=options, weights=None))
    logits = add_head(backbone.outputs[0], Head(), len(about.classes), seed=5)
    model = keras.Model(backbone.inputs[0], logits, name=about.name)
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
