"""Learns a single batch by heart, and forgets it: what cannot do that cannot learn anything."""

from __future__ import annotations

from typing import Any

import attrs
import keras
import numpy as np

from kerastl.backbones.values import values_of
from kerastl.cache import Cache
from kerastl.console import counted, say
from kerastl.data.photos import Photos
from kerastl.errors import TrainingError
from kerastl.recipe import Recipe
from kerastl.stage_rules import AUTO
from kerastl.training.batch_size import within_memory
from kerastl.training.batches import validation_batches
from kerastl.training.features import features_of
from kerastl.training.normalization import prepare_normalization
from kerastl.training.parts import split_stage
from kerastl.training.state import assign

_MOST_STEPS = 200
# Where the stage's own is still to be found.
_RATE = 1e-3


def check_overfit(model: keras.Model, recipe: Recipe, photos: Photos, cache: Cache) -> None:
    """Make sure that the first stage can learn one batch by heart; the model is left as it was.

    Args:
        model: From photos to logits.
        recipe: Its first stage, its batch size; the seed decides which photos.
        photos: Those to learn from.
        cache: Where features are looked for and kept.

    Raises:
        TrainingError: It could not, or does not fit into memory.
    """
    stage = recipe.stages[0]
    plain = attrs.evolve(
        stage.plain,
        schedule="constant",
        averaging=0.0,
        accumulate=1,
        learning_rate=_RATE if stage.learning_rate == AUTO else stage.learning_rate,
    )
    alone = attrs.evolve(recipe, stages=(plain,), label_smoothing=0.0, balance=None)
    before = values_of(model.variables)
    order = np.random.default_rng(recipe.seed).permutation(len(photos))
    some = photos.some(np.sort(order[: recipe.photos_a_step]))
    learned = _Learned()
    with within_memory(recipe, model, photos.labels):
        history = _fit(model, alone, some, cache, learned)
    assign(model, before)
    first, last, steps = history["val_loss"][0], history["val_loss"][-1], len(history["loss"])
    what = f"One batch of {counted(len(some), 'photo')}"
    if not learned.everything:
        raise TrainingError(
            f"{what} could not be learned by heart in {steps} steps: loss {first:.3f} to "
            f"{last:.3f}. The learning rate, --set stages.{plain.name}.learning_rate=..., is too "
            "low or too high, or what is to learn does not."
        )
    say(f"{what} is learned by heart in {steps} steps: loss {first:.3f} to {last:.3f}")


def _fit(
    model: keras.Model, recipe: Recipe, photos: Photos, cache: Cache, learned: _Learned
) -> dict[str, list[float]]:
    """Let the recipe's only stage learn the photos, all in one batch; return the history."""
    (stage,) = recipe.stages
    prepare_normalization(model, stage, photos, recipe.seed, begun=False)
    parts = split_stage(model, stage)
    features, _ = features_of(parts, recipe, stage, range(1), (photos, photos), cache)
    parts.compile(stage, recipe, photos.labels)
    batch = validation_batches(features, parts.tail, recipe.photos_a_step).cache()
    history: dict[str, list[float]] = parts.tail.fit(
        batch,
        validation_data=batch,
        epochs=_MOST_STEPS,
        shuffle=False,
        callbacks=[learned],
        verbose=0,
    ).history
    return history


class _Learned(keras.callbacks.Callback):  # type: ignore[misc]
    """Stops as soon as every photo is told right."""

    def __init__(self) -> None:
        super().__init__()
        self.everything = False

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.everything = logs["val_accuracy"] >= 1
        self.model.stop_training = self.everything
