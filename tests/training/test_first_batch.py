"""Faults that are planted before training stop it at the first batch, and the cause is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import keras
import numpy as np
import pytest

from kerastl.backbones import adapter
from kerastl.backbones.values import values_of
from kerastl.cache import Cache
from kerastl.data.photos import Photos, read_photos
from kerastl.errors import TrainingError, WeightsError
from kerastl.recipe import Backbone, Recipe
from kerastl.training import model as building
from kerastl.training.features import features_of
from kerastl.training.first_batch import check_first_batch, require_labels
from kerastl.training.model import build
from kerastl.training.overfit import check_overfit
from kerastl.training.parts import split_and_freeze
from kerastl.training.stages import Training
from networks import network


@pytest.fixture(scope="module")
def some(recipe: Recipe) -> Photos:
    return read_photos(recipe.data.load(recipe.seed).train, 32)


def checked(recipe: Recipe, some: Photos, model: keras.Model) -> dict[str, Any]:
    stage = recipe.stages[0]
    parts = split_and_freeze(model, stage.unfreeze)
    features, _ = features_of(parts, recipe, stage, range(1), (some, some), Cache())
    return check_first_batch(parts, features, some, 8)


def test_a_network_as_it_has_to_be(recipe: Recipe, some: Photos):
    seen = checked(recipe, some, network(recipe, some))
    assert seen["photos"] == 8
    assert seen["loss_of_chance"] == pytest.approx(np.log(3), abs=1e-4)
    assert 0.5 < seen["loss"] < 2.5
    assert seen["feature_variation"] > 0.05


def test_a_few_photos_are_looked_at_in_batches_that_fit(recipe: Recipe, some: Photos):
    model = network(recipe, some)
    stage = recipe.stages[0]
    parts = split_and_freeze(model, stage.unfreeze)
    features, _ = features_of(parts, recipe, stage, range(1), (some, some), Cache())
    one, eight = (check_first_batch(parts, features, some, size) for size in (1, 8))
    assert one["photos"] == 8
    assert one["feature_variation"] == pytest.approx(eight["feature_variation"], rel=1e-3)
    alone = some.some(np.array([0]))
    features, _ = features_of(parts, recipe, stage, range(1), (alone, alone), Cache())
    assert check_first_batch(parts, features, alone, 8)["photos"] == 1


@pytest.mark.parametrize(("shift", "told"), [(1, "1 to 3"), (-1, "-1 to 1")])
def test_labels_that_are_shifted(recipe: Recipe, some: Photos, shift: int, told: str):
    shifted = attrs.evolve(some, labels=some.labels + shift)
    model = network(recipe, some)
    with pytest.raises(TrainingError, match=rf"The labels are {told}; expected 0 to 2 for 3 class"):
        Training(model, recipe, (some, shifted)).run()


def test_columns_of_labels_are_0_and_1(some: Photos):
    columns = attrs.evolve(some, labels=2 * np.eye(3, dtype=np.int64)[some.labels])
    with pytest.raises(TrainingError, match="The labels are 0 to 2; expected 0 to 1 for 3 classes"):
        require_labels(columns, 3)


def test_several_labels(recipe: Recipe, some: Photos):
    several = attrs.evolve(some, labels=np.eye(3, dtype=np.int64)[some.labels])
    seen = checked(recipe, several, network(recipe, some))
    assert seen["loss_of_chance"] == pytest.approx(np.log(2), abs=1e-4)
    assert 0.3 < seen["loss"] < 1.5


def _softmax(monkeypatch: pytest.MonkeyPatch, kind: str = "softmax") -> None:
    add_head = building.add_head
    monkeypatch.setattr(
        building,
        "add_head",
        lambda *given: keras.layers.Activation(kind, name="head_end")(add_head(*given)),
    )


def _twice(monkeypatch: pytest.MonkeyPatch) -> None:
    original = adapter._preprocessing

    def scaled(constructor: Callable[..., keras.Model]) -> Callable[[Any], Any]:
        return lambda photo: original(constructor)(photo / 255.0)

    monkeypatch.setattr(adapter, "_preprocessing", scaled)


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (_softmax, "ends in probabilities, not in logits: a softmax stands before a loss"),
        (_twice, r"Black and white differ by 0\.0078 .* The pixels are scaled twice"),
    ],
)
def test_a_network_that_is_built_wrongly(
    recipe: Recipe,
    some: Photos,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch], None],
    message: str,
):
    plant(monkeypatch)
    with pytest.raises(TrainingError, match=message):
        checked(recipe, some, network(recipe, some))


def test_sigmoids_before_the_loss_of_several_labels(
    recipe: Recipe, some: Photos, monkeypatch: pytest.MonkeyPatch
):
    several = attrs.evolve(some, labels=np.eye(3, dtype=np.int64)[some.labels])
    _softmax(monkeypatch, "sigmoid")
    with pytest.raises(TrainingError, match="in probabilities, not in logits: a sigmoid stands"):
        checked(recipe, several, network(recipe, some))


def test_photos_that_were_scaled_before(recipe: Recipe, some: Photos):
    scaled = attrs.evolve(some, images=some.images[:] // 200)
    with pytest.raises(TrainingError, match="are at most 1; expected 0 to 255"):
        checked(recipe, scaled, network(recipe, some))


@pytest.mark.parametrize(
    ("layer", "value", "message"),
    [
        ("head_logits", np.nan, "first logits are not all numbers"),
        ("head_logits", 1e6, "certain of their classes, and wrong: a loss of"),
        ("conv1", 0.0, r"features of the first photos differ by 0\.00% of their size"),
    ],
)
def test_a_network_with_impossible_weights(
    recipe: Recipe, some: Photos, layer: str, value: float, message: str
):
    model = network(recipe, some)
    kernel = model.get_layer(layer).kernel
    kernel.assign(kernel.numpy() * value)
    with pytest.raises(TrainingError, match=message):
        checked(recipe, some, model)


def test_a_loss_far_above_chance_is_warned_of(
    recipe: Recipe, some: Photos, capsys: pytest.CaptureFixture[str]
):
    model = network(recipe, some)
    kernel = model.get_layer("head_logits").kernel
    kernel.assign(kernel.numpy() * 8)
    checked(recipe, some, model)
    assert "Warning: the loss begins at" in capsys.readouterr().out


@pytest.mark.parametrize("weights", ["file", ("file", None)])
def test_weights_that_are_not_loaded(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, weights: Any
):
    backbone = Backbone("MobileNet", 32, options={"alpha": 0.25}, weights=None)
    keras.utils.set_random_seed(1)
    adapter.graph(backbone)[0].save_weights(tmp_path / "some.weights.h5")
    path = str(tmp_path / "some.weights.h5")
    named = path if weights == "file" else (path, None)
    with_file = attrs.evolve(recipe, backbone=attrs.evolve(backbone, weights=named))
    build(with_file, 3)
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_: None)
    with pytest.raises(WeightsError, match=r"27 of 27 kernels of mobilenet.* were not loaded from"):
        build(with_file, 3)


def test_one_batch_is_learned_by_heart_and_forgotten(
    recipe: Recipe, some: Photos, capsys: pytest.CaptureFixture[str]
):
    model = network(recipe, some)
    before = values_of(model.variables)
    check_overfit(model, recipe, some, Cache())
    assert "One batch of 8 photos is learned by heart in" in capsys.readouterr().out
    for now, then in zip(values_of(model.variables), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_batch_is_learned_by_what_the_stage_declares(recipe: Recipe, some: Photos):
    following = attrs.evolve(recipe.stages[1], normalization="training", accumulate=4)
    recipe = attrs.evolve(recipe, stages=(following,))
    check_overfit(network(recipe, some), recipe, some, Cache())


def test_a_batch_that_cannot_be_learned(recipe: Recipe, some: Photos):
    slow = recipe.override("stages.frozen.learning_rate", "1e-9")
    with pytest.raises(TrainingError, match=r"8 photos could not be learned by heart in 200 steps"):
        check_overfit(network(slow, some), slow, some, Cache())
