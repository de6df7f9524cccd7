"""Faults that are planted in a stage stop it, and name the layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import keras
import numpy as np
import pytest

from kerastl.backbones.cuts import Cut
from kerastl.backbones.values import values_of
from kerastl.errors import TrainingError
from kerastl.recipe import Recipe, Stage
from kerastl.training import stages
from kerastl.training.audit import Auditor
from kerastl.training.optimizers import steps_of
from kerastl.training.parts import Parts, split_stage
from kerastl.training.stages import Training
from kerastl.training.state import State
from networks import Learning, network


def trained(recipe: Recipe, learning: Learning) -> State:
    state = State()
    model = network(recipe, learning[0])
    Training(model, recipe, learning, state).run()
    return state


def test_what_was_frozen_and_what_moved_is_told(
    recipe: Recipe, learning: Learning, capsys: pytest.CaptureFixture[str]
):
    audit = trained(recipe, learning).audit
    assert audit["frozen"] == {"weights": 137, "frozen": 135, "learning": 2, "unmoved": []}
    assert audit["unfrozen"]["learning"] > 2
    printed = capsys.readouterr().out
    line = "Audit of stage frozen: frozen 135 of 137 variables: unchanged; learning 2: all moved"
    assert line in printed


@pytest.mark.parametrize(
    ("layer", "trainable", "message"),
    [
        ("conv1", True, "frozen, but are trainable: conv1. Nothing was trained"),
        ("conv_pw_13_bn", True, "frozen, but are trainable: conv_pw_13_bn"),
        ("head_logits", False, "to learn, but are frozen: head_logits"),
    ],
)
def test_layers_that_are_not_as_the_stage_declares(
    recipe: Recipe,
    learning: Learning,
    monkeypatch: pytest.MonkeyPatch,
    layer: str,
    trainable: bool,
    message: str,
):
    def wrongly(*given: Any) -> Parts:
        parts = split_stage(*given)
        model = parts.model
        model.get_layer(layer).trainable = trainable
        return parts

    monkeypatch.setattr(stages, "split_stage", wrongly)
    with pytest.raises(TrainingError, match=message):
        trained(recipe, learning)


def test_a_stage_that_is_not_compiled_anew(
    recipe: Recipe, learning: Learning, monkeypatch: pytest.MonkeyPatch
):
    recipe = attrs.evolve(recipe, stages=recipe.stages[1:])
    original = keras.Model.fit

    def fit(model: keras.Model, *arguments: Any, **options: Any) -> object:
        # As a person does who unfreezes layers after the first steps, and goes on.
        for layer in model.layers:
            layer.trainable = False
        first = {"epochs": options["initial_epoch"] + 1, "callbacks": []}
        original(model, *arguments, **{**options, **first})
        for layer in model.layers:
            layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
        return original(model, *arguments, **options)

    monkeypatch.setattr(keras.Model, "fit", fit)
    with (
        pytest.warns(UserWarning, match="does not have any trainable weights"),
        pytest.raises(TrainingError, match="was not compiled after they were unfrozen"),
    ):
        trained(recipe, learning)


@pytest.fixture
def small() -> Parts:
    """A model whose trunk is a dense layer and a batch normalisation, all of it frozen."""
    inputs = keras.Input((4,))
    cut = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(4, name="below")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="above")(cut))
    trunk, tail = keras.Model(inputs, cut), keras.Model(cut, model.outputs[0])
    trunk.trainable = False
    return Parts(model, Cut("norm", (cut,), 0.0, 0), trunk, tail)


def _below(parts: Parts) -> None:
    parts.model.get_layer("below").trainable = True


def _norm(parts: Parts) -> None:
    parts.model.get_layer("norm").trainable = True


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (_below, "Stage one has changed frozen layers: below. They were trained beside"),
        (_norm, "Stage one has moved statistics of batch normalisation in norm: these layers run"),
    ],
)
@pytest.mark.parametrize(
    ("photos", "accumulate", "steps"), [(16, 1, 1), (400, 1, 10), (400, 2, 10)]
)
def test_what_moves_though_it_is_frozen_stops_the_stage(
    small: Parts,
    plant: Callable[[Parts], None],
    message: str,
    photos: int,
    accumulate: int,
    steps: int,
):
    stage = Stage("one", 5, 1e-3, accumulate=accumulate)
    auditor = Auditor(small, stage, values_of(small.model.variables), State())
    plant(small)
    model = keras.Model(small.model.inputs, small.model.outputs)
    several = accumulate if accumulate > 1 else None
    model.compile(keras.optimizers.SGD(gradient_accumulation_steps=several), "mse")
    random = np.random.default_rng(0)
    rows, targets = random.normal(size=(photos, 4)), random.normal(size=(photos, 2))
    with pytest.raises(TrainingError, match=message):
        model.fit(rows, targets, epochs=1, batch_size=16, callbacks=[auditor], verbose=0)
    assert steps_of(model.optimizer) == steps


def test_a_weight_without_a_gradient_is_told_and_no_fault(
    recipe: Recipe, learning: Learning, capsys: pytest.CaptureFixture[str]
):
    thin = attrs.evolve(recipe.stages[1], lora=2, unfreeze=0.4, epochs=1, accumulate=5)
    state = trained(attrs.evolve(recipe, stages=(recipe.stages[0], thin)), learning)
    # Of a product that is zero, the first factor has no gradient in a first step.
    assert "conv_pw_13" in state.audit["unfrozen"]["unmoved"]
    assert "learning 14: all but some of conv_pw_10, conv_pw_11" in capsys.readouterr().out


def test_a_stage_that_ended_without_its_audit_is_not_gone_on_with(
    recipe: Recipe, learning: Learning
):
    state = trained(recipe, learning)
    del state.audit["frozen"]
    state.stage = 0
    model = network(recipe, learning[0])
    with pytest.raises(TrainingError, match="Stage frozen did not pass its audit"):
        Training(model, recipe, learning, state).run()
