"""Runs the stages: each freezes what lies before its cut and trains what lies after it."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import attrs
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.backbones.inference import compiled
from kerastl.clock import Clock
from kerastl.console import say
from kerastl.data.photos import Photos
from kerastl.data.pipeline import augmentation, batches, begin_epoch
from kerastl.recipe import Recipe, Stage
from kerastl.training.callbacks import EpochLines, Keeper, Save
from kerastl.training.optimizers import adamw, cosine
from kerastl.training.parts import Parts, split_and_freeze
from kerastl.training.state import State, assign, restore

Inputs = list[npt.NDArray[Any]]
Learning = tuple[Photos, Photos]

# Features of a stage that take more memory than this are computed anew each epoch.
_MOST_BYTES = 2 * 2**30
# One step in so many climbs to the highest learning rate: Adam's first steps know little of the
# gradients, and would throw pretrained layers off.
_WARMUP = 5


@attrs.frozen(eq=False)
class Learner:
    """What `fit` is given in a stage.

    Args:
        model: The model that learns: the tail, or the whole with its trunk fixed.
        train: Its inputs for the training photos, then their labels.
        validation: The same for the validation photos.
        augment: The part of the model that augments, if any.
    """

    model: keras.Model
    train: Inputs
    validation: Inputs
    augment: keras.Sequential | None = None


def train(
    model: keras.Model,
    recipe: Recipe,
    photos: Learning,
    save: Save,
    clock: Clock,
    state: State,
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
    """
    if state.model:
        assign(model.variables, state.model)
    for number, stage in enumerate(recipe.stages[state.stage :], state.stage):
        if number > state.stage:
            state.stage, state.optimizer = number, []
        with clock.part(f"stage {stage.name}"):
            _run_stage(model, recipe, stage, photos, state, save)
    assign(model.variables, state.best)


def _run_stage(
    model: keras.Model,
    recipe: Recipe,
    stage: Stage,
    photos: Learning,
    state: State,
    save: Save,
) -> None:
    """Train one stage from its first epoch, or from where the state stands within it."""
    epochs = _epochs_of(recipe, stage)
    rest = range(state.epoch, epochs.stop)
    if not rest:
        return
    parts = split_and_freeze(model, stage.unfreeze)
    say(parts.describe(stage))
    learner = learner_of(parts, stage, photos, recipe.batch_size)
    steps = -(-len(photos[0]) // recipe.batch_size)
    classes = model.output_shape[-1]
    learner.model.compile(
        optimizer=optimizer_of(stage, steps, model),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.label_smoothing
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    restore(learner.model.optimizer, learner.model.trainable_variables, state)
    draws = _draws(learner.augment, recipe.seed)
    keeper = Keeper(model, stage.name, f"stages.{stage.name}.learning_rate", state, save)
    last = sum(each.epochs for each in recipe.stages)
    lines = EpochLines(stage.name, rest, len(photos[0]), recipe.batch_size, last, state)
    with contextlib.closing(lines):
        learner.model.fit(
            _pairs(batches(learner.train, recipe.batch_size, recipe.seed, rest), classes),
            initial_epoch=rest.start,
            epochs=rest.stop,
            steps_per_epoch=steps,
            shuffle=False,
            validation_data=_pairs(_in_order(learner.validation, recipe.batch_size), classes),
            callbacks=[*draws, keeper, lines],
            verbose=0,
        )


def _draws(augment: keras.Sequential | None, seed: int) -> list[keras.callbacks.Callback]:
    """Return the callback that lets each epoch augment in its own way, whenever it is run."""
    if augment is None:
        return []

    def begin(epoch: int, logs: Any = None) -> None:
        begin_epoch(augment, seed, epoch)

    return [keras.callbacks.LambdaCallback(on_epoch_begin=begin)]


def _epochs_of(recipe: Recipe, stage: Stage) -> range:
    """Return the stage's epochs on the one axis of all stages."""
    earlier = itertools.takewhile(lambda other: other is not stage, recipe.stages)
    start = sum(other.epochs for other in earlier)
    return range(start, start + stage.epochs)


def learner_of(parts: Parts, stage: Stage, photos: Learning, batch_size: int) -> Learner:
    """Return what is to be trained in a stage, on what.

    The trunk never changes during the stage. Without augmentation its outputs are computed once
    and the tail is trained on them; otherwise it is run on every batch, in inference mode.
    """
    model, augment = parts.tail, augmentation() if stage.augment else None
    inputs: list[Inputs] = [[some.images] for some in photos]
    if augment or _bytes(parts.trunk) * sum(map(len, photos)) > _MOST_BYTES:
        model = _whole(parts, augment)
    elif parts.trunk.weights:
        features_of = compiled(parts.trunk)
        what = f"{stage.name}: features"
        inputs = [[*features_of(some.images, batch_size, what)] for some in photos]
    train, validation = ([*some, each.labels] for some, each in zip(inputs, photos, strict=True))
    return Learner(model, train, validation, augment)


def _bytes(trunk: keras.Model) -> int:
    return sum(4 * int(np.prod(tensor.shape[1:])) for tensor in trunk.outputs)


def _whole(parts: Parts, augment: keras.Sequential | None) -> keras.Model:
    """Return the model from photos to logits that augments while it is trained."""
    photo = keras.Input(parts.trunk.inputs[0].shape[1:], name="photo")
    seen = augment(photo) if augment else photo
    return keras.Model(photo, parts.tail(parts.trunk(seen, training=False)))


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
    return adamw(rate, stage.weight_decay, model)


def _pairs(rows: tf.data.Dataset, classes: int) -> tf.data.Dataset:
    """Turn rows of inputs and a label into what `fit` takes: (input or inputs, one-hot label)."""

    def pair(*row: tf.Tensor) -> tuple[Any, tf.Tensor]:
        *inputs, label = row
        floats = [tf.cast(tensor, tf.float32) for tensor in inputs]
        return (floats[0] if len(floats) == 1 else tuple(floats)), tf.one_hot(label, classes)

    return rows.map(pair, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _in_order(arrays: Inputs, batch_size: int) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(tuple(arrays)).batch(batch_size)
