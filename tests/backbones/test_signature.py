from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from kerastl.backbones.signature import Signature

Weight = tf.Variable | tf.Tensor

PHOTOS = np.random.default_rng(0).integers(0, 256, (11, 8, 8, 3), np.uint8)


def signature_of(kernel: Weight, bias: Weight) -> Signature:
    def features(photos: tf.Tensor) -> dict[str, tf.Tensor]:
        found = tf.nn.conv2d(tf.cast(photos, tf.float32) / 255, kernel, 1, "SAME") + bias
        return {"pooled": tf.reduce_mean(found, [1, 2]), "found": found}

    kinds = (tf.uint8, tf.float32)
    shape = [None, 8, 8, 3]
    traced = [tf.function(features, [tf.TensorSpec(shape, kind)]) for kind in kinds]
    return Signature(*(each.get_concrete_function() for each in traced))


def weights_of(seed: int = 0, kept: Callable[..., Weight] = tf.Variable) -> tuple[Weight, Weight]:
    values = np.random.default_rng(seed)
    shapes = ((3, 3, 3, 5), (5,))
    return tuple(kept(values.normal(size=shape), dtype="float32") for shape in shapes)


def expected_of(kernel: Weight, bias: Weight) -> np.ndarray:
    return tf.nn.conv2d(PHOTOS.astype(np.float32) / 255, kernel, 1, "SAME") + bias


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("kept", [tf.Variable, tf.constant])
def test_outputs_are_asked_for_by_name(kept: Callable[..., Weight], kind: str):
    weights = weights_of(kept=kept)
    signature, expected = signature_of(*weights), expected_of(*weights)
    for count in (1, 2, 3, 11):
        (found,) = signature.forward("found")(PHOTOS[:count].astype(kind))
        (pooled,) = signature.forward("pooled")(PHOTOS[:count].astype(kind))
        np.testing.assert_allclose(found, expected[:count], atol=1e-5)
        np.testing.assert_allclose(pooled, np.mean(expected[:count], axis=(1, 2)), atol=1e-5)


def test_it_keeps_its_variables():
    weights = weights_of()
    expected, signature = expected_of(*weights), signature_of(*weights)
    del weights
    gc.collect()
    np.testing.assert_allclose(signature.forward("found")(PHOTOS)[0], expected, atol=1e-5)


def test_two_do_not_share_what_they_have_of_the_same_name():
    one, other = weights_of(1), weights_of(2)
    signatures = [signature_of(*weights) for weights in (one, other)]
    found = [signature.forward("found")(PHOTOS)[0] for signature in signatures]
    for each, weights in zip(found, (one, other), strict=True):
        np.testing.assert_allclose(each, expected_of(*weights), atol=1e-5)


def test_many_may_ask_at_once():
    weights = weights_of()
    signature = signature_of(*weights)
    answers = [signature.forward(output) for output in ("found", "pooled")]

    def ask(number: int) -> np.ndarray:
        kind = np.uint8 if number % 4 < 2 else np.float32
        return answers[number % 2](PHOTOS.astype(kind))[0]

    expected = expected_of(*weights)
    with ThreadPoolExecutor(8) as pool:
        for number, found in enumerate(pool.map(ask, range(24))):
            right = np.mean(expected, axis=(1, 2)) if number % 2 else expected
            np.testing.assert_allclose(found, right, atol=1e-5)
