"""Finds a learning rate: it climbs from step to step until the loss does (Smith, 2017)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import attrs
import keras
import numpy as np

from kerastl.backbones.values import values_of
from kerastl.console import say
from kerastl.errors import TrainingError
from kerastl.live import progress
from kerastl.recipe import Recipe
from kerastl.stage import Stage
from kerastl.stage_rules import AUTO
from kerastl.training.batches import training_batches
from kerastl.training.features import Features
from kerastl.training.parts import Parts
from kerastl.training.state import State, assign

# What was found stands beside the audits of the stages.
RATES = "learning rates"
_LOWEST, _HIGHEST, _STEPS = 1e-6, 1.0, 120
# The lowest rates change nothing: what a loss is in so many steps is chance.
_FLAT = _STEPS // 3
# Losses are averaged over about so many steps; where they have climbed so far it is enough.
_SMOOTHED, _CLIMBED = 8, 3.0
# What falls by so much has something to learn at that rate. Where it is lowest it is about to
# climb, and a good rate is so much lower.
_FALLEN, _BELOW_LOWEST = 0.75, 10.0
# What hardly falls, as it has learned before, is not to be spoiled: the rate is so far below the
# one at which the loss has climbed by so much.
_HARMED, _BELOW_HARM = 1.1, 2.0


@attrs.frozen
class RangeTest:
    """What was found for a stage.

    Args:
        stage: Its name.
        rates: The learning rate of each step.
        losses: The loss of each step, averaged over those before.
        suggestion: The learning rate to take.
    """

    stage: str
    rates: tuple[float, ...] = attrs.field(repr=False)
    losses: tuple[float, ...] = attrs.field(repr=False)
    suggestion: float


def with_rate(
    stage: Stage, parts: Parts, recipe: Recipe, features: Features, state: State
) -> Stage:
    """Return the stage with a learning rate: its own, or one that is found and told."""
    if stage.learning_rate != AUTO:
        return stage
    found = state.audit.setdefault(RATES, {})
    if stage.name not in found:
        found[stage.name] = find_rate(stage, parts, recipe, features).suggestion
        say(f"Learning rate of stage {stage.name}: {found[stage.name]:g}")
    return stage.rated(found[stage.name])


def find_rate(stage: Stage, parts: Parts, recipe: Recipe, features: Features) -> RangeTest:
    """Find a learning rate for a stage, and leave the model as it was.

    Args:
        stage: Its optimiser.
        parts: The model, taken apart for the stage.
        recipe: Its loss, batch size and seed.
        features: What is learned from.

    Raises:
        TrainingError: The loss is no number from the beginning.
    """
    before = values_of(parts.model.variables)
    plain = attrs.evolve(
        stage,
        learning_rate=_LOWEST,
        schedule="constant",
        epochs=1,
        gradual=1,
        averaging=0.0,
        accumulate=1,
    )
    parts.compile(plain, recipe, features.labels)
    rates = np.geomspace(_LOWEST, _HIGHEST, _STEPS).tolist()
    losses: list[float] = []
    with progress(f"{stage.name}: learning rates", _STEPS) as done:
        for loss in _smoothed(_losses(parts.tail, recipe, features, rates)):
            done(1)
            if not math.isfinite(loss) or _has_climbed(loss, losses):
                break
            losses.append(loss)
    assign(parts.model, before)
    if len(losses) < _FLAT:
        raise TrainingError(
            f"The loss of stage {stage.name} is no number already at a learning rate of "
            f"{rates[len(losses)]:.2g}; look at the first batch: --check-overfit."
        )
    suggestion = float(f"{_suggested(rates, losses):.2g}")
    return RangeTest(stage.name, tuple(rates[: len(losses)]), tuple(losses), suggestion)


def _has_climbed(loss: float, losses: list[float]) -> bool:
    """Say whether a loss is far above those of the lowest rates."""
    return len(losses) >= _FLAT and loss > _CLIMBED * float(np.median(losses[:_FLAT]))


def _suggested(rates: list[float], losses: list[float]) -> float:
    lowest, before = int(np.argmin(losses)), float(np.median(losses[:_FLAT]))
    if losses[lowest] < _FALLEN * before:
        return rates[lowest] / _BELOW_LOWEST
    harmed = np.flatnonzero(np.asarray(losses) > _HARMED * before)
    later = harmed[harmed >= _FLAT]
    return rates[later[0]] / _BELOW_HARM if len(later) else rates[len(losses) - 1] / _BELOW_LOWEST


def _losses(
    tail: keras.Model, recipe: Recipe, features: Features, rates: list[float]
) -> Iterator[float]:
    """Yield the loss of each step, before the step."""
    steps = -(-len(features) // recipe.photos_a_step)
    epochs = range(-(-len(rates) // steps))
    batches = training_batches(
        features, tail, recipe.photos_a_step, recipe.seed, epochs, recipe.balance
    )
    for rate, (inputs, targets, *weights) in zip(rates, batches, strict=False):
        tail.optimizer.learning_rate = rate
        tail.reset_metrics()
        weight: Any = weights[0] if weights else None
        yield float(tail.train_on_batch(inputs, targets, weight, return_dict=True)["loss"])


def _smoothed(losses: Iterator[float]) -> Iterator[float]:
    """Yield the running mean of losses, the first as good as any."""
    keep, mean, share = 1 - 1 / _SMOOTHED, 0.0, 0.0
    for loss in losses:
        mean, share = keep * mean + (1 - keep) * loss, keep * share + (1 - keep)
        yield mean / share
