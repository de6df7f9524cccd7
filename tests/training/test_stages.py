from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, Never

import attrs
import keras
import numpy as np
import pytest

from kerastl.backbones.cuts import find_cuts, nearest_cut
from kerastl.backbones.values import values_of
from kerastl.cache import Cache
from kerastl.data.photos import Photos
from kerastl.recipe import Backbone, Recipe, Stage
from kerastl.training.features import features_of
from kerastl.training.model import build
from kerastl.training.optimizers import optimizer_of
from kerastl.training.parts import split_and_freeze
from kerastl.training.stages import Training
from kerastl.training.state import State, assign
from networks import Learning, network


def run(
    recipe: Recipe, learning: Learning, state: State | None = None
) -> tuple[keras.Model, State]:
    model = network(recipe, learning[0])
    state = state or State()
    Training(model, recipe, learning, state).run()
    return model, state


def moved(model: keras.Model, before: list[np.ndarray]) -> set[str]:
    pairs = zip(model.variables, values_of(model.variables), before, strict=True)
    return {variable.path for variable, now, then in pairs if not np.array_equal(now, then)}


def is_norm(path: str) -> bool:
    return "bn" in path.lower() or "batch_norm" in path.lower()


@pytest.mark.parametrize(
    ("unfreeze", "augment"),
    [
        (0.0, False),
        (0.3, True),
        (1.0, False),
        *(
            pytest.param(unfreeze, augment, marks=pytest.mark.slow)
            for unfreeze, augment in ((0.0, True), (0.3, False), (1.0, True))
        ),
    ],
)
def test_only_what_lies_above_the_cut_learns_and_no_statistics_move(
    recipe: Recipe, learning: Learning, unfreeze: float, augment: bool
):
    stage = Stage("only", 1, 1e-2, unfreeze=unfreeze, augment=augment, schedule="constant")
    recipe = attrs.evolve(recipe, stages=(stage,))
    model = network(recipe, learning[0])
    before = values_of(model.variables)
    Training(model, recipe, learning).run()
    changed = {path for path in moved(model, before) if "seed_generator" not in path}
    above = {weight.path for weight in split_and_freeze(model, unfreeze).tail.weights}
    learnable = {path for path in above if not is_norm(path)}
    assert changed == learnable
    assert {"head_logits/kernel", "head_logits/bias"} <= changed
    if unfreeze == 1.0:
        assert "conv1/kernel" in changed


def test_the_state_is_the_model_and_what_never_learned_is_one_array_in_all_of_it(
    recipe: Recipe, learning: Learning
):
    stages = tuple(Stage(name, 2, 1e-2, schedule="constant") for name in ("one", "two"))
    model, states = network(recipe, learning[0]), []
    state, changed = State(), attrs.evolve(recipe, stages=stages)
    Training(model, changed, learning, state, save=lambda now: states.append(now.model)).run()
    for values, kept in zip(zip(*states, strict=True), model.variables, strict=True):
        if not kept.path.startswith("head") and "seed" not in kept.path:
            assert all(value is values[0] for value in values)
            np.testing.assert_array_equal(values[0], kept.numpy())
    logits = [variable.path for variable in model.variables].index("head_logits/kernel")
    assert (states[0][logits] != states[-1][logits]).any()
    assign(model, state.model)
    assert not moved(model, states[-1])


def test_the_stages_share_one_axis_of_epochs(recipe: Recipe, learning: Learning):
    _, state = run(recipe, learning)
    assert [row["epoch"] for row in state.rows] == [1, 2, 3, 4]
    assert [row["stage"] for row in state.rows] == ["frozen"] * 2 + ["unfrozen"] * 2
    assert state.rows[-1]["accuracy"] > 0.8


def test_the_best_epoch_of_all_stages_is_kept(recipe: Recipe, learning: Learning):
    wild = attrs.evolve(recipe.stages[1], learning_rate=10.0, schedule="constant")
    model, state = run(attrs.evolve(recipe, stages=(recipe.stages[0], wild)), learning)
    losses = [row["validation_loss"] for row in state.rows]
    assert state.best_epoch == int(np.argmin(losses)) + 1
    assert state.best_epoch <= 2
    validation = learning[1]
    logits = model.predict(validation.images.astype(np.float32), verbose=0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(loss(validation.labels, logits)) == pytest.approx(min(losses), rel=1e-3)


@pytest.mark.slow
def test_smoothed_labels_leave_the_model_less_certain(recipe: Recipe, learning: Learning):
    longer = recipe.unfreeze_after(6)

    def certainty(label_smoothing: float) -> float:
        model, _ = run(attrs.evolve(longer, label_smoothing=label_smoothing), learning)
        logits = model.predict(learning[0].images.astype(np.float32), verbose=0)
        return float(keras.ops.mean(keras.ops.max(keras.ops.softmax(logits), axis=-1)))

    assert certainty(0.9) < certainty(0.0) - 0.1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_training(recipe: Recipe, learning: Learning):
    runs = [run(recipe, learning) for _ in range(2)]
    for first, second in zip(*(values_of(model.variables) for model, _ in runs), strict=True):
        np.testing.assert_array_equal(first, second)
    other, _ = run(attrs.evolve(recipe, seed=4), learning)
    assert moved(other, values_of(runs[0][0].variables))


@pytest.mark.parametrize(
    ("stop", "changes"),
    [
        pytest.param(1, {}, marks=pytest.mark.slow),
        pytest.param(2, {}, marks=pytest.mark.slow),
        pytest.param(3, {}, marks=pytest.mark.slow),
        pytest.param(1, {"augment": True, "views": 2}, marks=pytest.mark.slow),
        pytest.param(3, {"augment": True}, marks=pytest.mark.slow),
        pytest.param(1, {"mix": "mixup"}, marks=pytest.mark.slow),
        pytest.param(
            3, {"augment": "randaugment", "erase": 0.5, "mix": "cutmix"}, marks=pytest.mark.slow
        ),
    ],
)
def test_going_on_from_a_checkpoint_ends_as_without_a_stop(
    recipe: Recipe,
    learning: Learning,
    stop: int,
    changes: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    stages = tuple(attrs.evolve(stage, **changes) for stage in recipe.stages)
    recipe = attrs.evolve(recipe, stages=stages)
    for name in ("_SECONDS_BETWEEN_SAVES", "_PAUSES_A_SAVE"):
        monkeypatch.setattr(f"kerastl.training.callbacks.{name}", 0.0)
    whole, expected = run(recipe, learning)

    class KilledError(Exception):
        pass

    def save(state: State) -> None:
        state.save(tmp_path / "checkpoint.npz")
        if state.epoch == stop:
            raise KilledError

    model = network(recipe, learning[0])
    with pytest.raises(KilledError):
        Training(model, recipe, learning, save=save).run()
    again, reached = run(recipe, learning, State.load(tmp_path / "checkpoint.npz"))
    without_time = [{k: v for k, v in row.items() if k != "seconds"} for row in reached.rows]
    assert without_time == [
        {k: v for k, v in row.items() if k != "seconds"} for row in expected.rows
    ]
    for mine, theirs in zip(values_of(again.variables), values_of(whole.variables), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_tail_makes_of_the_features_what_the_model_makes_of_the_photos(
    recipe: Recipe, learning: Learning
):
    model = network(recipe, learning[0])
    parts = split_and_freeze(model, 0.0)
    train_features, _ = features_of(parts, recipe, recipe.stages[0], range(2), learning, Cache())
    (some,) = train_features.of(np.arange(5), 0)
    assert some.shape == (5, 256)
    direct = model(learning[0].images[:5].astype(np.float32), training=False)
    through = parts.tail(some.astype(np.float32), training=False)
    np.testing.assert_allclose(through, direct, rtol=0.05, atol=0.01)


@pytest.mark.slow
def test_features_that_fit_nowhere_are_computed_anew_in_each_epoch(
    recipe: Recipe, learning: Learning, monkeypatch: pytest.MonkeyPatch
):
    kept, _ = run(recipe, learning)
    monkeypatch.setenv("KERASTL_CACHE_LIMIT", "1kB")
    monkeypatch.setattr("kerastl.training.features._MOST_BYTES", 1000)
    anew, state = run(attrs.evolve(recipe), learning)
    assert len(state.rows) == 4
    for mine, theirs in zip(values_of(anew.variables), values_of(kept.variables), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.slow
def test_features_that_are_held_teach_what_features_read_from_disk_teach(
    recipe: Recipe, learning: Learning, monkeypatch: pytest.MonkeyPatch
):
    held, _ = run(recipe, learning)
    monkeypatch.setattr("kerastl.training.features._HELD_BYTES", 0)
    read, _ = run(recipe, learning)
    for mine, theirs in zip(values_of(held.variables), values_of(read.variables), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_epochs_turn_through_views_whose_features_are_kept(
    recipe: Recipe, learning: Learning, monkeypatch: pytest.MonkeyPatch
):
    parts = split_and_freeze(network(recipe, learning[0]), 0.0)
    stage = attrs.evolve(recipe.stages[0], augment=True, views=2)
    features, validation = features_of(parts, recipe, stage, range(stage.epochs), learning, Cache())

    def never(*_: object) -> Never:
        pytest.fail("a view was computed again")

    monkeypatch.setattr("kerastl.training.features._seen", never)
    some = np.arange(5)
    first, second, third = (features.of(some, epoch)[0] for epoch in range(3))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, third)
    # What is validated on is not augmented.
    np.testing.assert_array_equal(validation.of(some, 0)[0], validation.of(some, 1)[0])


def test_views_that_are_drawn_otherwise_are_not_taken_for_one_another(
    recipe: Recipe, learning: Learning, tmp_path: Path
):
    parts, cache = split_and_freeze(network(recipe, learning[0]), 0.0), Cache(tmp_path)
    stage = attrs.evolve(recipe.stages[0], augment="trivialaugment", views=1)
    ways = ({}, {"augment": "augmix"}, {"erase": 0.5}, {"erase": 1.0}, {})
    seen = []
    for way in ways:
        drawn = attrs.evolve(stage, **way)
        features, _ = features_of(parts, recipe, drawn, range(1), learning, cache)
        seen.append(features.of(np.arange(9), 0)[0])
    for one, other in itertools.combinations(seen[:-1], 2):
        assert (one != other).any()
    np.testing.assert_array_equal(seen[0], seen[-1])


def test_only_views_that_an_epoch_sees_are_computed(
    recipe: Recipe, learning: Learning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen: set[int | None] = set()

    def noted(
        photos: Photos, numbers: np.ndarray, stage: Stage, seed: int, view: int | None
    ) -> np.ndarray:
        seen.add(view)
        return photos.images[numbers]

    monkeypatch.setattr("kerastl.training.features._seen", noted)
    stage = attrs.evolve(recipe.stages[0], augment=True, views=8, epochs=2)
    recipe = attrs.evolve(recipe, stages=(stage,))
    parts, cache = split_and_freeze(network(recipe, learning[0]), 0.0), Cache(tmp_path)
    features_of(parts, recipe, stage, range(stage.epochs), learning, cache)
    assert seen == {None, 0, 1}


@pytest.mark.slow
def test_a_backbone_cut_where_two_tensors_pass_is_trained(recipe: Recipe, learning: Learning):
    recipe = attrs.evolve(
        recipe,
        backbone=Backbone("NASNetMobile", 32, weights=None),
        stages=(Stage("unfrozen", 1, 1e-3, unfreeze=0.12),),
    )
    model = build(recipe, 3).model
    assert len(nearest_cut(find_cuts(model), 0.12).tensors) == 2
    before = values_of(model.variables)
    Training(model, recipe, learning).run()
    tail = split_and_freeze(model, 0.12).tail
    learnable = {weight.path for weight in tail.weights if not is_norm(weight.path)}
    changed = {path for path in moved(model, before) if "seed_generator" not in path}
    assert changed == learnable


def test_the_loss_is_scaled_where_layers_compute_in_float16(recipe: Recipe):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layer = keras.layers.Dense(3)
    finally:
        keras.config.set_dtype_policy(before)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layer(inputs))
    stage = attrs.evolve(recipe.stages[0], schedule="constant")
    scaled = optimizer_of(stage, 5, model, model)
    assert isinstance(scaled, keras.optimizers.LossScaleOptimizer)
    assert float(scaled.learning_rate) == pytest.approx(1e-2)
    dense = keras.Sequential([keras.layers.Dense(3)])
    plain = optimizer_of(recipe.stages[0], 5, dense, dense)
    assert not isinstance(plain, keras.optimizers.LossScaleOptimizer)


def test_mixed_precision_trains_with_float32_logits(recipe: Recipe, learning: Learning):
    mixed = attrs.evolve(recipe, precision="mixed", stages=recipe.stages[1:])
    model, state = run(mixed, learning)
    assert model.output.dtype == "float32"
    assert model.get_layer("conv1").compute_dtype == "bfloat16"
    assert np.isfinite(state.best_loss)
    assert keras.config.dtype_policy().name == "float32"
