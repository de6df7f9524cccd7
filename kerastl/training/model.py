"""Recipe -> the whole Keras model: backbone, weights, head."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import keras

from kerastl.backbones.adapter import graph
from kerastl.backbones.cuts import TEMPERATURE, VIEWS
from kerastl.backbones.devices import policy_of
from kerastl.backbones.weights import Weights, load_weights
from kerastl.pretraining import Pretraining
from kerastl.recipe import Recipe
from kerastl.training.head import add_head
from kerastl.training.lora import add_lora


@attrs.frozen(eq=False)
class Network:
    """A model ready to be trained, its backbone, and the weights it starts from."""

    model: keras.Model
    backbone: keras.Model
    weights: Weights


def build(recipe: Recipe | Pretraining, classes: int) -> Network:
    """Build the model of a recipe: photos `[batch, size, size, 3]` of 0..255 in, logits out.

    Raises:
        UsageError: The backbone does not exist or cannot be built so.
        WeightsError: None of its weights can be had or fits.
    """
    with _precision(recipe.precision):
        backbone, published = graph(recipe.backbone)
        weights = load_weights(backbone, recipe.backbone, published)
        logits = add_head(backbone.outputs[0], recipe.head, classes, recipe.seed)
    model = keras.Model(backbone.inputs[0], logits, name=recipe.name)
    if isinstance(recipe, Recipe):
        add_lora(model, recipe)
    return Network(model, backbone, weights)


def over_views(model: keras.Model, views: int) -> keras.Model:
    """Return a model that looks at each photo so often, and shares the given one's layers.

    Args:
        model: From photos to logits, which goes on to be trained as it is.
        views: 1, or 2 for the mean of the logits of a photo and of its mirror image (Krizhevsky et
            al., 2012).
    """
    if views == 1:
        return model
    photos = keras.Input(model.input_shape[1:], name=model.inputs[0].name)
    both = [model(photos), model(keras.ops.flip(photos, axis=2))]
    logits = keras.layers.Average(dtype="float32", name=VIEWS)(both)
    return keras.Model(photos, logits, name=model.name)


def with_temperature(model: keras.Model, temperature: float) -> keras.Model:
    """Return a model whose logits are divided by a temperature, in its graph.

    It shares the given one's layers; see `kerastl.evaluation.calibration.fit_temperature`.
    """
    layer = keras.layers.Rescaling(1 / temperature, dtype="float32", name=TEMPERATURE)
    return keras.Model(model.inputs[0], layer(model.outputs[0]), name=model.name)


@contextmanager
def _precision(precision: str) -> Iterator[None]:
    """Build layers under the dtype policy that the recipe's precision means on this machine."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy_of(precision))
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
