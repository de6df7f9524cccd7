"""Runs the stages: each freezes what lies before its cut and trains what lies after it."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.backbones.cuts import Cut, find_cuts, nearest_cut, trunk_and_tail
from kerastl.backbones.inference import compiled
from kerastl.clock import Clock
from kerastl.console import say
from kerastl.data.photos import Photos
from kerastl.data.pipeline import augmentation, batches
from kerastl.recipe import Recipe, Stage
from kerastl.training.lines import EpochLines
from kerastl.training.state import State, assign, values_of

Inputs = list[npt.NDArray[Any]]
Save = Callable[[State], None]

# Features of a stage that take more memory than this are computed anew each epoch.
_MOST_BYTES = 2 * 2**30
# An epoch of a frozen stage takes a fraction of a second, writing a checkpoint sometimes more.
_SECONDS_BETWEEN_SAVES = 5.0


@attrs.frozen(eq=False)
class Learner:
    """What `fit` is given in a stage.

    Args:
        model: The model that learns: the tail, or the whole with its trunk fixed.
        train: Its inputs for the training photos, then their labels.
        validation: The same for the validation photos.
        cut: Where the trunk ends.
    """

    model: keras.Model
    train: list[npt.NDArray[Any]]
    validation: list[npt.NDArray[Any]]
    cut: Cut


def train(
    model: keras.Model,
    recipe: Recipe,
    photos: tuple[Photos, Photos],
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
    photos: tuple[Photos, Photos],
    state: State,
    save: Save,
) -> None:
    """Train one stage from its first epoch, or from where the state stands within it."""
    say(describe(model, stage))
    learner = learner_of(model, stage, photos, recipe.batch_size, recipe.seed)
    epochs = _epochs_of(recipe, stage)
    steps = -(-len(photos[0]) // recipe.batch_size)
    learner.model.compile(
        optimizer=_optimizer(stage, steps),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    _restore(learner.model.optimizer, learner.model.trainable_variables, state)
    rest = range(state.epoch, epochs.stop)
    lines = EpochLines(stage.name, rest, len(photos[0]), recipe.batch_size, state)
    if rest:
        with contextlib.closing(lines):
            learner.model.fit(
                _pairs(batches(learner.train, recipe.batch_size, recipe.seed, rest)),
                initial_epoch=rest.start,
                epochs=rest.stop,
                steps_per_epoch=steps,
                shuffle=False,
                validation_data=_pairs(_in_order(learner.validation, recipe.batch_size)),
                callbacks=[_Keeper(model, stage, state, save), lines],
                verbose=0,
            )


def _epochs_of(recipe: Recipe, stage: Stage) -> range:
    """Return the stage's epochs on the one axis of all stages."""
    earlier = itertools.takewhile(lambda other: other is not stage, recipe.stages)
    start = sum(other.epochs for other in earlier)
    return range(start, start + stage.epochs)


def learner_of(
    model: keras.Model, stage: Stage, photos: tuple[Photos, Photos], batch_size: int, seed: int
) -> Learner:
    """Freeze the model up to the stage's cut, and return what is to be trained, on what.

    The trunk never changes during the stage. Without augmentation its outputs are computed once
    and the tail is trained on them; otherwise it is run on every batch, in inference mode.
    """
    cut = nearest_cut(find_cuts(model), stage.unfreeze)
    trunk, tail = trunk_and_tail(model, cut)
    freeze(model, tail)
    train_photos, validation_photos = photos
    if stage.augment or _bytes(trunk) * len(train_photos) > _MOST_BYTES:
        inputs: list[Inputs] = [[some.images] for some in photos]
        learning = _whole(trunk, tail, augmentation(seed) if stage.augment else None)
    elif not trunk.weights:
        inputs, learning = [[some.images] for some in photos], tail
    else:
        run = compiled(trunk)
        inputs = [[*run(some.images, batch_size, f"{stage.name}: features")] for some in photos]
        learning = tail
    train_inputs, validation_inputs = inputs
    return Learner(
        learning,
        [*train_inputs, train_photos.labels],
        [*validation_inputs, validation_photos.labels],
        cut,
    )


def describe(model: keras.Model, stage: Stage) -> str:
    """Return the line that says what the stage trains, and freeze the model for it."""
    cut = nearest_cut(find_cuts(model), stage.unfreeze)
    _, tail = trunk_and_tail(model, cut)
    freeze(model, tail)
    learning = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    return (
        f"Stage {stage.name}: {stage.epochs} epochs; learns what is above {cut.layer} "
        f"({cut.share:.0%} of the backbone), {learning:,} of {model.count_params():,} weights"
    )


def freeze(model: keras.Model, tail: keras.Model) -> None:
    """Freeze the model but for the tail; batch normalisation stays frozen there too.

    Each normalisation layer has to be frozen by itself: in a model called with `training=False`
    it would still learn its scale, and once unfrozen also update its statistics.
    """
    for layer in _leaves(model.layers):
        layer.trainable = False
    for layer in _leaves(tail.layers):
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)


def _leaves(layers: Iterable[Any]) -> Iterator[Any]:
    for layer in layers:
        yield layer
        yield from _leaves(getattr(layer, "layers", ()))


def _bytes(trunk: keras.Model) -> int:
    return sum(4 * int(np.prod(tensor.shape[1:])) for tensor in trunk.outputs)


def _whole(trunk: keras.Model, tail: keras.Model, augment: keras.Sequential | None) -> keras.Model:
    """Return the model from photos to logits that augments while it is trained."""
    photo = keras.Input(trunk.inputs[0].shape[1:], name="photo")
    seen = augment(photo) if augment else photo
    return keras.Model(photo, tail(trunk(seen, training=False)))


def _optimizer(stage: Stage, steps: int) -> keras.optimizers.Optimizer:
    rate: Any = stage.learning_rate
    if stage.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, stage.epochs * steps)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=stage.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _restore(optimizer: keras.optimizers.Optimizer, variables: list[Any], state: State) -> None:
    optimizer.build(variables)
    if state.optimizer:
        assign(optimizer.variables, state.optimizer)


def _pairs(rows: tf.data.Dataset) -> tf.data.Dataset:
    """Turn rows of inputs and a label into what `fit` takes: (input or inputs, label)."""

    def pair(*row: tf.Tensor) -> tuple[Any, tf.Tensor]:
        *inputs, label = row
        floats = [tf.cast(tensor, tf.float32) for tensor in inputs]
        return (floats[0] if len(floats) == 1 else tuple(floats)), label

    return rows.map(pair, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _in_order(arrays: list[npt.NDArray[Any]], batch_size: int) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(tuple(arrays)).batch(batch_size)


class _Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the history, the best epoch and, every few seconds, a checkpoint."""

    def __init__(self, whole: keras.Model, stage: Stage, state: State, save: Save) -> None:
        super().__init__()
        self.whole, self.stage, self.state, self.save = whole, stage, state, save
        self.saved = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row = {
            "epoch": epoch + 1,
            "stage": self.stage.name,
            "loss": logs["loss"],
            "accuracy": logs["accuracy"],
            "validation_loss": logs["val_loss"],
            "validation_accuracy": logs["val_accuracy"],
            "learning_rate": float(self.model.optimizer.learning_rate),
            "seconds": round(time.perf_counter() - self.began, 3),
        }
        self.state.add(row, self.whole)
        if time.perf_counter() - self.saved > _SECONDS_BETWEEN_SAVES:
            self._save()

    def on_train_end(self, logs: Any = None) -> None:
        self._save()

    def _save(self) -> None:
        self.state.model = values_of(self.whole.variables)
        self.state.optimizer = values_of(self.model.optimizer.variables)
        self.save(self.state)
        self.saved = time.perf_counter()
