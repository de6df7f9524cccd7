"""Holds a stage to what it declares: what is frozen stays, to the last bit, and the rest moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from kerastl.backbones.cuts import HEAD
from kerastl.backbones.values import Arrays, with_inner
from kerastl.console import say
from kerastl.errors import TrainingError
from kerastl.stage import Stage
from kerastl.stage_rules import TRAINING
from kerastl.training.lora import adapts
from kerastl.training.optimizers import steps_of
from kerastl.training.parts import Parts, normalizes
from kerastl.training.schedules import is_over
from kerastl.training.state import State

# After so many steps the learning rate has climbed far enough to move whatever learns.
_FIRST_STEPS = 10
_NAMED = 3
# Stands in the audit of a stage that somebody else's callback has ended.
_ENDED_EARLY = "ended early"


def require_declared(parts: Parts, stage: Stage) -> None:
    """Make sure that only layers after the cut can learn, and batch normalisation as declared.

    Args:
        parts: The model as the stage has taken it apart.
        stage: The stage.

    Raises:
        TrainingError: A layer says otherwise of itself.
    """
    tail = {id(layer) for layer in with_inner(parts.tail.layers) if _learns(layer, stage)}
    wrong: dict[bool, list[str]] = {True: [], False: []}
    for layer in with_inner(parts.model.layers):
        if layer.weights and layer.trainable != (id(layer) in tail):
            wrong[layer.trainable].append(layer.name)
    for trainable, names in wrong.items():
        if names:
            told = "frozen, but are trainable" if trainable else "to learn, but are frozen"
            raise TrainingError(
                f"Stage {stage.name} declares layers {told}: {_named(names)}. Nothing was trained."
            )


def _learns(layer: Any, stage: Stage) -> bool:
    """Say whether a layer after the cut is to learn."""
    if stage.lora:
        return adapts(layer) or layer.name.startswith(HEAD)
    return stage.normalization == TRAINING or not normalizes(layer)


def has_ended(stage: Stage, state: State) -> bool:
    """Say whether a stage is over, or was ended before it was by a callback that a person gave."""
    ended_early = state.audit.get(stage.name, {}).get(_ENDED_EARLY, False)
    return bool(ended_early) or is_over(stage, state.losses(stage.name))


def require_audited(stage: Stage, state: State) -> None:
    """Make sure that a stage whose epochs are all done has passed its audit.

    Raises:
        TrainingError: It has not.
    """
    if stage.name not in state.audit:
        raise TrainingError(f"Stage {stage.name} did not pass its audit; begin the run anew.")


class Auditor(keras.callbacks.Callback):  # type: ignore[misc]
    """Compares each weight, after the first steps and in the last epoch, with what it was.

    It is to be called before what keeps an epoch, so that no stage is kept that has not passed.

    What was found is in the state, by the stage's name.

    Args:
        parts: The model as the stage has taken it apart.
        stage: The stage.
        before: The values of the whole model's variables as the stage found them.
        state: Is told what was found.
    """

    def __init__(self, parts: Parts, stage: Stage, before: Arrays, state: State) -> None:
        super().__init__()
        self.stage, self.state, self.looked = stage, state, False
        norms = [layer for layer in with_inner(parts.model.layers) if normalizes(layer)]
        moving = [each for norm in norms if norm.trainable for each in norm.non_trainable_weights]
        learning = {id(each) for each in [*parts.tail.trainable_weights, *moving]}
        kept = {id(each) for each in parts.model.weights}
        # By their numbers, which are the same after the run is gone on with.
        pairs = {
            number: (variable, value)
            for number, (variable, value) in enumerate(
                zip(parts.model.variables, before, strict=True)
            )
            if id(variable) in kept
        }
        self.learning = {number: pair for number, pair in pairs.items() if id(pair[0]) in learning}
        self.frozen = [pair for number, pair in pairs.items() if number not in self.learning]
        statistics = (each for norm in norms for each in (norm.moving_mean, norm.moving_variance))
        self.statistics = {id(each) for each in statistics}

    def on_train_begin(self, logs: Any = None) -> None:
        """Look at how many steps the optimiser has taken before."""
        self.before = steps_of(self.model.optimizer)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at what has moved after the first steps."""
        if not self.looked and self._steps() >= _FIRST_STEPS:
            self._look_early()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look after a first epoch of fewer steps, and at everything after the last one."""
        if not self.looked and self._steps() > 0:
            self._look_early()
        self._note_moved()
        losses = [*self.state.losses(self.stage.name), logs["val_loss"]]
        if is_over(self.stage, losses):
            self._look()

    def on_train_end(self, logs: Any = None) -> None:
        """Look, where this has come before the last epoch, and tell what was found."""
        if self.stage.name not in self.state.audit:
            self._look()
            self.state.audit[self.stage.name][_ENDED_EARLY] = True
        say(f"Audit of stage {self.stage.name}: {_described(self.state.audit[self.stage.name])}")

    def _steps(self) -> int:
        """Return how many steps the optimiser has taken since."""
        return steps_of(self.model.optimizer) - self.before

    def _note_moved(self) -> None:
        """Tell the state what has not moved yet; of most stages that is nothing, after an epoch."""
        left = self.learning if self.state.unmoved is None else self.state.unmoved
        self.state.unmoved = [number for number in left if _is(*self.learning[number])]

    def _look(self) -> None:
        self._require_frozen()
        numbers = self.state.unmoved or ()
        unmoved = [self.learning[number][0] for number in numbers]
        moved = {
            _layer(weight) for number, (weight, _) in self.learning.items() if number not in numbers
        }
        # Of a layer that learns single weights may have no gradient, as a bias before batch
        # normalisation.
        self._require_moved([weight for weight in unmoved if _layer(weight) not in moved])
        self.state.audit[self.stage.name] = {
            "weights": len(self.frozen) + len(self.learning),
            "frozen": len(self.frozen),
            "learning": len(self.learning),
            "unmoved": sorted({*map(_layer, unmoved)}),
        }

    def _look_early(self) -> None:
        self.looked = True
        self._require_frozen()
        if all(_is(weight, value) for weight, value in self.learning.values()):
            self._require_moved([weight for weight, _ in self.learning.values()])

    def _require_frozen(self) -> None:
        moved = [weight for weight, value in self.frozen if not _is(weight, value)]
        statistics = [weight for weight in moved if id(weight) in self.statistics]
        if statistics:
            raise TrainingError(
                f"Stage {self.stage.name} has moved statistics of batch normalisation in "
                f"{_layers(statistics)}: these layers run in training mode, though they are frozen."
            )
        if moved:
            raise TrainingError(
                f"Stage {self.stage.name} has changed frozen layers: {_layers(moved)}. They were "
                "trained beside what lies after the cut."
            )

    def _require_moved(self, unmoved: list[Any]) -> None:
        if unmoved:
            raise TrainingError(
                f"Stage {self.stage.name} has not moved what is to learn: {_layers(unmoved)}. The "
                "model was not compiled after they were unfrozen, or its learning rate is far too "
                f"low: {self.stage.learning_rate}."
            )


def _described(found: Mapping[str, Any]) -> str:
    still = found["unmoved"]
    moved = f"all but some of {_named(still)} moved" if still else "all moved"
    return (
        f"frozen {found['frozen']} of {found['weights']} variables: unchanged; "
        f"learning {found['learning']}: {moved}"
    )


def _is(weight: Any, value: Any) -> bool:
    return np.array_equal(weight.numpy(), value)


def _layer(weight: Any) -> str:
    return str(weight.path.rpartition("/")[0])


def _layers(weights: Iterable[Any]) -> str:
    """Return the names of the layers of weights, of many the first."""
    return _named([*dict.fromkeys(map(_layer, weights))])


def _named(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
