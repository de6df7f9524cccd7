"""Learning rates over the steps of a stage."""

from __future__ import annotations

from typing import Any

import keras

from kerastl.stage import Stage

# A one-cycle begins at a 25th of the highest rate and ends at a 10,000th, as fastai has it.
_BEGINNING, _END = 1 / 25, 1e-4
_STEP = 0.1


def schedule_of(stage: Stage, steps: int) -> Any:
    """Return the stage's learning rate, or its schedule.

    Args:
        stage: Its schedule and warm-up.
        steps: Steps an epoch.
    """
    rate, total = float(stage.learning_rate), stage.most_epochs * steps
    warmup = int(total * stage.warmup)
    if stage.schedule == "cosine":
        return cosine(rate, total, warmup)
    if stage.schedule == "one-cycle":
        return cosine(rate, total, warmup, rate * _BEGINNING, _END)
    return Falling(rate, total, warmup) if stage.schedule == "step" else rate


def cosine(rate: float, steps: int, warmup: int, beginning: float = 0.0, end: float = 0.0) -> Any:
    """Return the schedule that climbs, and falls along a cosine (Loshchilov & Hutter, 2017).

    Args:
        rate: The highest learning rate.
        steps: Steps of the whole.
        warmup: Steps of those that climb; at least one step falls.
        beginning: The first learning rate; 0 is a step of an even climb from there.
        end: The last one, as a share of the highest.
    """
    warmup = min(warmup, steps - 1)
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(rate, steps, alpha=end)
    # A first step of rate 0 would be lost, and divides by zero in some optimisers.
    first = beginning or rate / (warmup + 1)
    return keras.optimizers.schedules.CosineDecay(
        first, steps - warmup, alpha=end, warmup_target=rate, warmup_steps=warmup
    )


class Falling(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Climbs, and falls to a tenth twice, after each third of the rest (He et al., 2016).

    Args:
        rate: The highest learning rate.
        steps: Steps of the whole.
        warmup: Steps of those that climb.
    """

    def __init__(self, rate: float, steps: int, warmup: int) -> None:
        self.rate, self.steps, self.warmup = rate, steps, warmup

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step, counted from 0."""
        step = keras.ops.cast(step, "float32")
        third = max(1.0, (self.steps - self.warmup) / 3)
        falls = keras.ops.clip(keras.ops.floor((step - self.warmup) / third), 0.0, 2.0)
        climbed = keras.ops.minimum(1.0, (step + 1) / (self.warmup + 1))
        return self.rate * climbed * keras.ops.power(_STEP, falls)

    def get_config(self) -> dict[str, Any]:
        """Return what it was made of."""
        return {"rate": self.rate, "steps": self.steps, "warmup": self.warmup}


def paced_rate(stage: Stage, losses: list[float]) -> float:
    """Return the learning rate of an epoch that follows others, of a stage without steps of a rate.

    It climbs over the epochs of the warm-up. With `"plateau"` it is then halved where the
    validation loss has not fallen for half of the stage's patience, counted from the lowest or from
    where it was halved before: a function of the losses alone, so that a run that goes on has the
    same.

    Args:
        stage: Its learning rate, schedule, warm-up and patience.
        losses: The validation loss of each epoch of the stage so far.
    """
    rate, climb = float(stage.learning_rate), round(stage.warmup * stage.horizon)
    if len(losses) < climb:
        return rate * (len(losses) + 1) / (climb + 1)
    return _halved(rate, stage, losses) if stage.schedule == "plateau" else rate


def _halved(rate: float, stage: Stage, losses: list[float]) -> float:
    lowest, waited = float("inf"), 0
    for loss in losses:
        waited = 0 if loss < lowest else waited + 1
        lowest = min(lowest, loss)
        if waited >= max(1, stage.patience // 2):
            rate, waited = rate / 2, 0
    return rate


def is_over(stage: Stage, losses: list[float]) -> bool:
    """Say whether a stage ends after epochs of these validation losses.

    Args:
        stage: Its number of epochs, or its patience.
        losses: The validation loss of each of its epochs so far.
    """
    if len(losses) >= stage.most_epochs:
        return True
    if stage.epochs == stage.most_epochs or not losses:
        return False
    return len(losses) - 1 - losses.index(min(losses)) >= stage.patience
