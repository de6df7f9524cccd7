from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastl.backbones.folding import Folded

PHOTOS = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)


def with_statistics(model: keras.Model) -> keras.Model:
    """Give every batch normalisation values that are not those it begins with."""
    random = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for weight in layer.weights:
                weight.assign(random.uniform(0.5, 1.5, weight.shape))
    return model


def norms(model: keras.Model) -> int:
    return sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)


def steps(model: keras.Model, kind: str) -> int:
    """Count the operations of a kind in the graph."""
    photo = tf.TensorSpec((None, 32, 32, 3))
    graph = tf.function(Folded(model), input_signature=[photo]).get_concrete_function().graph
    return sum(operation.type == kind for operation in graph.get_operations())


def norms_left(model: keras.Model) -> int:
    """Count the square roots in the graph: batch normalisation alone takes one."""
    return steps(model, "Rsqrt")


def check_same(model: keras.Model) -> None:
    expected = np.asarray(model(PHOTOS, training=False))
    found = np.asarray(*Folded(model)(PHOTOS))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_every_kind_of_convolution_is_folded():
    photo = keras.Input((32, 32, 3))
    features = keras.layers.Conv2D(4, 3)(photo)
    features = keras.layers.BatchNormalization(scale=False)(features)
    features = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)(features)
    features = keras.layers.BatchNormalization(center=False)(features)
    features = keras.layers.SeparableConv2D(5, 3)(features)
    features = keras.layers.BatchNormalization()(features)
    features = keras.layers.Conv2D(6, 1, strides=2)(features)
    model = with_statistics(keras.Model(photo, keras.layers.BatchNormalization()(features)))
    assert norms_left(model) == 0
    check_same(model)


@pytest.mark.parametrize("side", [32, 31])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("layer", [keras.layers.Conv2D, keras.layers.DepthwiseConv2D])
def test_a_convolution_pads_by_itself_where_it_can(
    layer: type, stride: int, kernel: int, side: int
):
    photo = keras.Input((32, 32, 3))
    features = keras.layers.Cropping2D(((32 - side, 0), (32 - side, 0)))(photo)
    before = (kernel - 1) // 2 - (stride == 2 and side % 2 == 0)
    padding = [(before, kernel // 2)] * 2
    options = {"filters": 4} if layer is keras.layers.Conv2D else {}

    def padded(padding: list[tuple[int, int]]) -> keras.Model:
        inside = keras.layers.ZeroPadding2D(padding)(features)
        convolved = layer(kernel_size=kernel, strides=stride, **options)(inside)
        normed = keras.layers.BatchNormalization()(convolved)
        return with_statistics(keras.Model(photo, normed))

    model = padded(padding)
    assert steps(model, "Pad") == 0
    check_same(model)
    # As much, but on the other sides; or more.
    for other in ([padding[0][::-1]] * 2, [(before + 1, kernel // 2)] * 2):
        if other != padding:
            model = padded(other)
            assert steps(model, "Pad") == 1
            check_same(model)


def test_padding_that_is_seen_elsewhere_or_spreads_is_left():
    photo = keras.Input((32, 32, 3))
    inside = keras.layers.ZeroPadding2D(1)(photo)
    convolved = keras.layers.Conv2D(3, 3)(inside)
    one = keras.layers.BatchNormalization()(convolved)
    spread = keras.layers.Conv2D(3, 3, dilation_rate=2)(keras.layers.ZeroPadding2D(2)(one))
    two = keras.layers.BatchNormalization()(spread)
    model = with_statistics(keras.Model(photo, keras.layers.Concatenate()([one, two])))
    model = keras.Model(photo, [model.output, inside])
    assert steps(model, "Pad") == 2
    expected = np.asarray(model(PHOTOS, training=False)[0])
    np.testing.assert_allclose(Folded(model)(PHOTOS)[0], expected, rtol=1e-3, atol=1e-2)


def test_layers_that_were_called_elsewhere_before_pad_as_they_do_here():
    padding = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))
    convolution = keras.layers.Conv2D(4, 3, strides=2)
    norm = keras.layers.BatchNormalization()
    norm(convolution(padding(keras.Input((33, 33, 3)))))
    photo = keras.Input((32, 32, 3))
    odd = keras.layers.Cropping2D(((1, 0), (1, 0)))(photo)
    model = with_statistics(keras.Model(photo, norm(convolution(padding(odd)))))
    assert steps(model, "Pad") == 1
    check_same(model)


def test_what_is_used_elsewhere_or_is_not_linear_is_left():
    photo = keras.Input((32, 32, 3))
    first = keras.layers.Conv2D(4, 3, padding="same")(photo)
    second = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(first)
    normed = [keras.layers.BatchNormalization()(each) for each in (first, second)]
    shared = keras.layers.Conv2D(4, 1)
    twice = [keras.layers.BatchNormalization()(shared(each)) for each in normed]
    model = with_statistics(keras.Model(photo, keras.layers.Add()([first, *twice])))
    assert norms_left(model) == norms(model) == 4
    check_same(model)


@pytest.mark.parametrize(
    "name",
    [
        "MobileNetV2",
        "ResNet50V2",
        pytest.param("EfficientNetB0", marks=pytest.mark.slow),
        pytest.param("DenseNet121", marks=pytest.mark.slow),
    ],
)
def test_backbones_stay_the_same_with_fewer_steps(name: str):
    constructor = getattr(keras.applications, name)
    model = with_statistics(constructor(include_top=False, weights=None, input_shape=(32, 32, 3)))
    before = [weight.numpy() for weight in model.weights]
    nodes = [len(layer._inbound_nodes) for layer in model.layers]
    assert norms_left(model) < norms(model)
    check_same(model)
    assert [len(layer._inbound_nodes) for layer in model.layers] == nodes
    for mine, theirs in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs)


def test_a_layer_that_is_called_as_in_training_is_not_here():
    photo = keras.Input((32, 32, 3))
    dropped = keras.layers.Dropout(0.5)(photo, training=True)
    model = keras.Model(photo, dropped)
    np.testing.assert_array_equal(*Folded(model)(PHOTOS), PHOTOS)
