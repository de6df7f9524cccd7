from __future__ import annotations

import keras
import pytest

from kerastl.recipe import Head
from kerastl.training.head import add_head


@pytest.mark.parametrize(
    ("head", "weights"),
    [
        (Head(), 6 * 3 + 3),
        (Head(pooling="max"), 6 * 3 + 3),
        (Head(pooling="avg+max", dropout=0.0), 12 * 3 + 3),
        (Head(hidden=(5, 4)), 6 * 5 + 5 + 5 * 4 + 4 + 4 * 3 + 3),
    ],
)
def test_layers_of_a_head(head: Head, weights: int):
    features = keras.Input((2, 2, 6))
    model = keras.Model(features, add_head(features, head, classes=3, seed=0))
    assert model.count_params() == weights
    assert model.output.shape == (None, 3)
    dropouts = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert len(dropouts) == (len(head.hidden) + 1 if head.dropout else 0)


def test_logits_are_not_squashed_and_are_float32_under_any_policy():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        features = keras.Input((2, 2, 6))
        model = keras.Model(features, add_head(features, Head(), classes=3, seed=0))
    finally:
        keras.config.set_dtype_policy(before)
    assert model.output.dtype == "float32"
    assert model.layers[-1].activation is keras.activations.linear
