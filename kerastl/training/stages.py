"""Runs the stages: each freezes what lies before its cut and trains what lies after it."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import attrs
import keras
import numpy as np

from kerastl.backbones.values import values_of
from kerastl.cache import Cache
from kerastl.clock import Clock
from kerastl.console import say
from kerastl.data.photos import Photos
from kerastl.recipe import Recipe, Stage
from kerastl.training.audit import Auditor, require_audited, require_declared
from kerastl.training.batches import training_batches, validation_batches
from kerastl.training.callbacks import EpochLines, Keeper, Save
from kerastl.training.features import Features, Source
from kerastl.training.first_batch import FIRST_BATCH, check_first_batch
from kerastl.training.losses import accuracy_of, loss_of, weights_of
from kerastl.training.optimizers import adam, cosine
from kerastl.training.parts import Parts, split_and_freeze
from kerastl.training.state import State, assign, restore
from kerastl.training.trunk import trunk_of

Learning = tuple[Photos, Photos]

# One step in so many climbs to the highest learning rate: Adam's first steps know little of the
# gradients, and would throw pretrained layers off.
_WARMUP = 5
_MOST_TOGETHER = 64


def train(
    model: keras.Model,
    recipe: Recipe,
    photos: Learning,
    save: Save,
    clock: Clock,
    state: State,
    cache: Cache,
) -> None:
    """Train stage by stage, and leave the model with the weights of its best epoch.

    Args:
        model: The whole model, from photos to logits.
        recipe: Its stages, batch size and seed.
        photos: For training and for validation.
        save: Is given the state every few seconds and at the end of each stage.
        clock: Is told the seconds of each stage.
        state: A new one, or where an earlier run stopped. It goes on changing, so that it is of use
            where training is broken off.
        cache: Where features are looked for and kept.
    """
    if state.model:
        assign(model, state.model)
    for number, stage in enumerate(recipe.stages[state.stage :], state.stage):
        if number > state.stage:
            state.stage, state.optimizer = number, []
        _run_stage(model, recipe, stage, photos, save, clock, state, cache)
    assign(model, state.best)


def _run_stage(
    model: keras.Model,
    recipe: Recipe,
    stage: Stage,
    photos: Learning,
    save: Save,
    clock: Clock,
    state: State,
    cache: Cache,
) -> None:
    """Train one stage from its first epoch, or from where the state stands within it."""
    rest = range(state.epoch, _epochs_of(recipe, stage).stop)
    if not rest:
        require_audited(stage.name, state)
        return
    parts = split_and_freeze(model, stage.unfreeze)
    require_declared(parts, stage.name)
    say(parts.describe(stage))
    with clock.part("trunk"):
        features = features_of(parts, recipe, stage, photos, cache)
    if not state.rows:
        with clock.part("checking"):
            state.audit[FIRST_BATCH] = check_first_batch(
                parts, features[0], photos[0], recipe.batch_size
            )
    clock.training_begins()
    with clock.part(f"stage {stage.name}"):
        _fit(parts, recipe, stage, features, rest, save, state)


def _fit(
    parts: Parts,
    recipe: Recipe,
    stage: Stage,
    features: tuple[Features, Features],
    rest: range,
    save: Save,
    state: State,
) -> None:
    """Train the tail for the epochs that are left."""
    train, validation = features
    model, tail = parts.model, parts.tail
    steps = -(-len(train) // recipe.batch_size)
    tail.compile(
        optimizer=optimizer_of(stage, steps, model),
        loss=loss_of(recipe, train.labels),
        metrics=[accuracy_of(train.labels)],
        steps_per_execution=_together(steps) if stage.unfreeze == 0 and train.held else 1,
    )
    restore(tail.optimizer, tail.trainable_variables, state)
    # An epoch before this one has copied them already.
    values = state.model or values_of(model.variables)
    auditor = Auditor(parts, stage.name, values, rest.stop - 1, state)
    keeper = Keeper(model, values, stage.name, f"stages.{stage.name}.learning_rate", state, save)
    last = sum(each.epochs for each in recipe.stages)
    lines = EpochLines(stage.name, rest, len(train), recipe.batch_size, last, state)
    with contextlib.closing(lines):
        tail.fit(
            training_batches(train, tail, recipe.batch_size, recipe.seed, rest, recipe.balance),
            initial_epoch=rest.start,
            epochs=rest.stop,
            steps_per_epoch=steps,
            shuffle=False,
            validation_data=validation_batches(validation, tail, recipe.batch_size),
            callbacks=[auditor, keeper, lines],
            verbose=0,
        )


def _epochs_of(recipe: Recipe, stage: Stage) -> range:
    """Return the stage's epochs on the one axis of all stages."""
    earlier = itertools.takewhile(lambda other: other is not stage, recipe.stages)
    start = sum(other.epochs for other in earlier)
    return range(start, start + stage.epochs)


def features_of(
    parts: Parts, recipe: Recipe, stage: Stage, photos: Learning, cache: Cache
) -> tuple[Features, Features]:
    """Return what the tail of a stage is given for the photos to learn from and to validate on."""
    train, validation = photos
    # With nothing to compute before the cut, the tail begins with the photo.
    some = train.some(np.arange(min(recipe.batch_size, len(train))))
    trunk = trunk_of(parts.trunk, recipe.precision, some, cache) if parts.trunk.weights else None
    source = Source(trunk, cache, recipe.batch_size, recipe.seed)
    plain = attrs.evolve(stage, augment=False)
    epochs, what = _epochs_of(recipe, stage), f"{stage.name}: features"
    learned = source.features(train, stage, epochs, what)
    return (
        attrs.evolve(learned, weights=weights_of(train, recipe.balance)),
        source.features(validation, plain, epochs, what),
    )


def _together(steps: int) -> int:
    """Return how many steps of an epoch, which take no time by themselves, are done in one go."""
    return max(number for number in range(1, _MOST_TOGETHER + 1) if steps % number == 0)


def optimizer_of(stage: Stage, steps: int, model: keras.Model) -> keras.optimizers.Optimizer:
    """Return the stage's optimiser.

    Args:
        stage: Its learning rate, schedule and weight decay.
        steps: Steps an epoch.
        model: What is trained, for the precision its layers compute in.
    """
    rate: Any = stage.learning_rate
    if stage.schedule == "cosine":
        rate = cosine(rate, stage.epochs * steps, stage.epochs * steps // _WARMUP)
    return adam(rate, stage.weight_decay, model)
