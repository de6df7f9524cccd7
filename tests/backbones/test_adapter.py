from __future__ import annotations

import keras
import numpy as np
import pytest

from kerastl.backbones.adapter import constructors, graph
from kerastl.errors import UsageError
from kerastl.recipe import Backbone


def photos_of(size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (2, size, size, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("MobileNetV2", keras.applications.mobilenet_v2),
        ("DenseNet121", keras.applications.densenet),
        ("VGG16", keras.applications.vgg16),
        ("MobileNetV3Small", keras.applications.mobilenet_v3),
    ],
)
def test_the_four_conventions_of_preprocessing_are_part_of_the_graph(name: str, module):
    model, _ = graph(Backbone(name, 32))
    plain = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    plain.set_weights(model.get_weights())
    expected = plain(module.preprocess_input(photos_of().copy()), training=False)
    np.testing.assert_allclose(model(photos_of(), training=False), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name",
    [
        "MobileNetV2",
        "VGG16",
        pytest.param("DenseNet121", marks=pytest.mark.slow),
        pytest.param("ResNet50", marks=pytest.mark.slow),
    ],
)
def test_the_preprocessing_survives_saving(name: str, tmp_path):
    model, _ = graph(Backbone(name, 32))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(
        again(photos_of(), training=False), model(photos_of(), training=False)
    )


def test_the_graph_is_the_one_that_the_imagenet_weights_are_made_for():
    """EfficientNet divides by the deviation once more when it is built for ImageNet weights."""
    model, published = graph(Backbone("EfficientNetB0", 32))
    bare = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    assert len(model.layers) == len(bare.layers) + 1
    assert published.file == "efficientnetb0_notop.h5"


def test_the_published_file_is_named_and_nothing_is_fetched():
    _, published = graph(Backbone("MobileNetV2", 160, options={"alpha": 0.35}))
    assert published.file.startswith("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_160")
    assert published.url.startswith("https://")
    assert graph(Backbone("ResNet50", 64))[1].hash


def test_options_without_published_weights_build_all_the_same():
    model, published = graph(Backbone("MobileNetV2", 32, options={"alpha": 0.42}))
    assert published is None
    assert model.output_shape[1:3] == (1, 1)


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (Backbone("MobileNetV9"), "no backbone 'MobileNetV9' .* Did you mean 'MobileNetV"),
        (Backbone("MobileNetV2", options={"alfa": 1}), "no option 'alfa'. Did you mean 'alpha'"),
        (Backbone("VGG16", options={"alpha": 1}), "VGG16 has no option 'alpha'. It has none"),
        (Backbone("VGG16", options={"classes": 3}), "no option 'classes'"),
        (Backbone("InceptionV3", 32), "at image size 32 cannot be built: .*75"),
        (Backbone("MobileNetV2", options={"alpha": "wide"}), "cannot be built"),
    ],
)
def test_what_cannot_be_built_is_told_in_one_line(backbone: Backbone, message: str):
    with pytest.raises(UsageError, match=message) as caught:
        graph(backbone)
    assert "\n" not in str(caught.value)


def test_keras_is_left_as_it_was():
    before = keras.Model.load_weights
    graph(Backbone("MobileNetV2", 32))
    assert keras.Model.load_weights is before
    assert set(constructors()) >= {"ResNet50", "ConvNeXtTiny"}
