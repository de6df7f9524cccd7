from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import attrs
import h5py
import keras
import numpy as np
import pytest

from kerastl.backbones.adapter import Published, graph
from kerastl.backbones.weights import Weights, load_weights
from kerastl.errors import WeightsError
from kerastl.recipe import Backbone
from legacy import save_legacy
from server import Server, serving

SMALL = {"alpha": 0.35}


def backbone(*weights: str | None, alpha: float = 0.35) -> Backbone:
    return Backbone("MobileNetV2", 32, options={"alpha": alpha}, weights=weights)


@pytest.fixture(scope="module")
def other() -> keras.Model:
    """The same backbone with other values."""
    model, _ = graph(backbone(None))
    random = np.random.default_rng(0)
    model.set_weights([random.normal(size=w.shape).astype(np.float32) for w in model.weights])
    return model


@pytest.fixture(scope="module")
def file(other: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "other.weights.h5"
    other.save_weights(path)
    return path


@pytest.fixture
def legacy(other: keras.Model, tmp_path: Path) -> Path:
    """The file as Keras's older format writes it: in order, by layer."""
    path = tmp_path / "other_no_top.h5"
    save_legacy(other, path)
    return path


def fresh(*weights: str | None, **options: float) -> tuple[keras.Model, Backbone]:
    value = backbone(*weights, **options)
    return graph(value)[0], value


def same(model: keras.Model, other: keras.Model) -> bool:
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(mine, theirs) for mine, theirs in pairs)


@pytest.mark.parametrize("kind", ["file", "legacy"])
def test_a_file_of_either_format_is_loaded(kind: str, other: keras.Model, request):
    path = str(request.getfixturevalue(kind))
    model, value = fresh(path)
    assert load_weights(model, value, None) == Weights(path)
    assert same(model, other)


def test_a_file_of_the_right_number_of_tensors_is_compared_by_keras_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # With dropout in it, whose seeds no file holds.
    value = Backbone("EfficientNetB0", 32, weights=(str(tmp_path / "its.weights.h5"),))
    model, _ = graph(attrs.evolve(value, weights=None))
    model.save_weights(tmp_path / "its.weights.h5")

    def never(*_: object) -> str:
        pytest.fail("the file was compared twice")

    monkeypatch.setattr("kerastl.backbones.weights.mismatch", never)
    again, _ = graph(value)
    load_weights(again, value, None)
    assert same(again, model)


def test_none_leaves_random_weights_and_says_so():
    model, value = fresh(None)
    before = model.get_weights()
    weights = load_weights(model, value, None)
    assert weights.name is None
    assert "random" in str(weights)
    assert all(map(np.array_equal, before, model.get_weights()))


def _narrow(path: Path, _: Path) -> Path:
    model, _published = graph(backbone(None, alpha=0.5))
    model.save_weights(path)
    return path


def _whole_model(path: Path, _: Path) -> Path:
    inputs = keras.Input((32, 32, 3))
    model = keras.applications.MobileNetV2(input_tensor=inputs, weights=None, classes=3, **SMALL)
    model.save_weights(path)
    return path


def _truncated(path: Path, good: Path) -> Path:
    path.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    return path


def _text(path: Path, _: Path) -> Path:
    path.write_text("not weights at all")
    return path


def _fewer(path: Path, good: Path) -> Path:
    shutil.copy(good, path)
    with h5py.File(path, "a") as file:
        del file["layers"]["conv2d_3"]
    return path


def _renamed(path: Path, good: Path) -> Path:
    shutil.copy(good, path)
    with h5py.File(path, "a") as file:
        file["layers"].move("conv2d_9", "conv2d_9x")
    return path


def _no_numbers(path: Path, good: Path) -> Path:
    shutil.copy(good, path)
    with h5py.File(path, "a") as file:
        file["layers"]["conv2d_3"]["vars"]["0"][...] = np.nan
    return path


def _empty(path: Path, _: Path) -> Path:
    h5py.File(path, "w").close()
    return path


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_narrow, r"does not fit mobilenetv2_0\.35_\d+: 'layers/.*' has to be .*, the file has"),
        (_whole_model, r"the file also has 'layers/dense/vars/0' .*with a top\?"),
        (_truncated, "is damaged or no HDF5 file"),
        (_text, "is damaged or no HDF5 file"),
        (_fewer, r"does not fit .*: the file lacks 'layers/conv2d_3/vars/0'"),
        (_renamed, r"the file also has 'layers/conv2d_9x/vars/0'"),
        (_empty, "it holds no Keras weights"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, file: Path, spoil, message: str):
    path = spoil(tmp_path / "bad.weights.h5", file)
    model, value = fresh(str(path))
    with pytest.raises(WeightsError, match=message) as caught:
        load_weights(model, value, None)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, file: Path):
    path = _no_numbers(tmp_path / "nan.weights.h5", file)
    model, value = fresh(str(path))
    with pytest.raises(WeightsError, match=r"kernel are not all numbers"):
        load_weights(model, value, None)


def test_a_file_of_the_newer_format_has_to_be_called_so(tmp_path: Path, file: Path):
    path = tmp_path / "mine.h5"
    shutil.copy(file, path)
    model, value = fresh(str(path))
    with pytest.raises(WeightsError, match=r"has to be called mine\.weights\.h5"):
        load_weights(model, value, None)


def test_a_legacy_file_with_another_order_of_shapes_names_the_first_mismatch(legacy: Path):
    with h5py.File(legacy, "a") as file:
        names = list(file.attrs["layer_names"])
        file.attrs["layer_names"] = names[1:]
    model, value = fresh(str(legacy))
    with pytest.raises(WeightsError, match=r"layer 'Conv1' needs a tensor \(3, 3, 3, 16\)"):
        load_weights(model, value, None)


def test_a_missing_file_is_told_even_where_another_choice_follows():
    model, value = fresh("nowhere.h5", None)
    with pytest.raises(WeightsError, match=r"no weights file 'nowhere\.h5'"):
        load_weights(model, value, None)


def test_imagenet_is_taken_from_the_cache_of_keras(file: Path, other, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    shutil.copy(file, tmp_path / "models" / "published.weights.h5")
    model, value = fresh("imagenet")
    published = Published("published.weights.h5", "https://nowhere.invalid/x", None)
    assert load_weights(model, value, published) == Weights("imagenet")
    assert same(model, other)


def test_imagenet_alone_is_strict_and_names_the_remedies(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    value = backbone("imagenet")
    model, published = graph(value)
    with pytest.raises(WeightsError, match=r"the network is off: .*--weights FILE.*--weights none"):
        load_weights(model, value, published)


def test_where_imagenet_cannot_be_had_the_next_choice_is_used_and_the_reason_told(
    file: Path, tmp_path, monkeypatch
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    value = backbone("imagenet", str(file))
    model, published = graph(value)
    weights = load_weights(model, value, published)
    assert weights.name == str(file)
    assert "the network is off" in str(weights)


def test_the_shipped_source_model_stands_in_for_imagenet_and_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    value = backbone("imagenet", "procedural")
    model, published = graph(value)
    before = model.get_weights()
    weights = load_weights(model, value, published)
    assert weights.name == "procedural"
    assert published is not None
    assert f"{published.file} are not in {tmp_path / 'models'} and the network is off" in str(
        weights
    )
    assert not any(map(np.array_equal, before, model.get_weights()))


def test_where_no_source_model_is_shipped_the_reason_is_told():
    model, value = fresh("procedural", alpha=0.5)
    message = r"kerastl ships no procedural weights for MobileNetV2\(alpha=0\.5\): give"
    with pytest.raises(WeightsError, match=message):
        load_weights(model, value, None)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "served") as running:
        yield running


def test_imagenet_is_downloaded_whole_or_not_at_all(server, file, other, tmp_path, monkeypatch):
    address, folder = server.address, server.folder
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KERASTL_OFFLINE")
    shutil.copy(file, folder / "there.weights.h5")
    models = tmp_path / "home" / "models"

    model, value = fresh("imagenet")
    wrong = Published("there.weights.h5", f"{address}/there.weights.h5", "0" * 64)
    with pytest.raises(WeightsError, match="has the checksum"):
        load_weights(model, value, wrong)
    missing = Published("gone.weights.h5", f"{address}/gone.weights.h5", None)
    with pytest.raises(WeightsError, match="cannot be fetched"):
        load_weights(model, value, missing)
    assert list(models.iterdir()) == []

    right = Published("there.weights.h5", f"{address}/there.weights.h5", None)
    assert load_weights(model, value, right) == Weights("imagenet")
    assert same(model, other)
    assert [path.name for path in models.iterdir()] == ["there.weights.h5"]


def test_no_network_is_found_out_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERASTL_OFFLINE")
    model, value = fresh("imagenet")
    # Nothing listens on the discard port of this machine.
    with pytest.raises(WeightsError, match="there is no network"):
        load_weights(model, value, Published("a.h5", "http://127.0.0.1:9/a.h5", None))


def test_real_imagenet_weights_load_and_those_that_do_not_fit_are_refused(test_data: Path):
    folder = test_data / "weights"
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{}_224_no_top.h5"
    model, value = fresh(str(folder / name.format("0.35")))
    assert load_weights(model, value, None).name
    model, value = fresh(str(folder / name.format("1.0")))
    with pytest.raises(WeightsError, match=r"layer 'Conv1' needs a tensor \(3, 3, 3, 16\)"):
        load_weights(model, value, None)
    quarter = Backbone(
        "MobileNet",
        64,
        options={"alpha": 0.25},
        weights=str(folder / "mobilenet_2_5_224_tf.h5"),
    )
    model, _ = graph(quarter)
    with pytest.raises(WeightsError, match=r"goes on with layer 'conv_preds'.*top"):
        load_weights(model, quarter, None)
