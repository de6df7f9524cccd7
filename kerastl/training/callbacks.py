"""Keeps and shows training as it goes on: checkpoints, a live bar, a line an epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import keras
import numpy as np

from kerastl.backbones.values import Arrays, values_of
from kerastl.console import say
from kerastl.errors import TrainingError
from kerastl.live import progress
from kerastl.stage import Stage
from kerastl.stage_rules import BY_EPOCH
from kerastl.training.optimizers import last_rate
from kerastl.training.schedules import is_over, paced_rate
from kerastl.training.state import State

Save = Callable[[State], None]

# An epoch of a frozen stage takes a fraction of a second, writing a checkpoint sometimes more: a
# twentieth of the time is spent on it at most.
_SECONDS_BETWEEN_SAVES = 1.0
_PAUSES_A_SAVE = 20.0


class FiniteLosses(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends a training whose loss is no number, before anything is said or kept of the epoch.

    Args:
        rate: The setting that its learning rate is.
    """

    def __init__(self, rate: str) -> None:
        super().__init__()
        self.rate = rate

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at both losses."""
        if not math.isfinite(logs["loss"] + logs["val_loss"]):
            raise TrainingError(
                f"A loss of epoch {epoch + 1} is not a number; lower the learning rate: "
                f"--set {self.rate}=..."
            )


class Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the history, the best epoch and, every few seconds, a checkpoint.

    Args:
        whole: The model whose variables are kept; the one that is trained may be its tail.
        values: Those of its variables now.
        stage: The name of the stage or phase that is going on.
        state: Is told each epoch.
        save: Is given the state every few seconds and at the end of the stage.
        best: Whether the best epoch's weights are kept besides the last one's.
        averaging: Knows what was validated, where that is a running average of the weights.
            Training goes on without it, but a stage ends with it.
        is_last: Says whether an epoch of that validation loss is the last one.
    """

    def __init__(
        self,
        whole: keras.Model,
        values: Arrays,
        stage: str,
        state: State,
        save: Save,
        best: bool = True,
        averaging: Averaging | None = None,
        is_last: Callable[[float], bool] = lambda _: False,
    ) -> None:
        super().__init__()
        self.averaging, self.is_last = averaging, is_last
        self.whole, self.values, self.stage = whole, values, stage
        self.state, self.save, self.best = state, save, best
        self.saved = time.perf_counter()
        self.pause = _SECONDS_BETWEEN_SAVES

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Look at the clock."""
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add the epoch to the history."""
        row = {
            "epoch": epoch + 1,
            "stage": self.stage,
            "loss": logs["loss"],
            "accuracy": logs["accuracy"],
            "validation_loss": logs["val_loss"],
            "validation_accuracy": logs["val_accuracy"],
            "learning_rate": last_rate(self.model.optimizer),
            "seconds": round(time.perf_counter() - self.began, 3),
        }
        optimizer = values_of(self.model.optimizer.variables)
        validated = None
        if self.averaging:
            self.ended = self.is_last(logs["val_loss"])
            with self.averaging.in_place(for_good=self.ended):
                validated = self._values()
        self.state.add(row, self._values(), optimizer, self.best, validated)
        if time.perf_counter() - self.saved > self.pause:
            self._save()

    def on_train_end(self, logs: Any = None) -> None:
        """Write the checkpoint of the whole stage, which a callback may have ended early."""
        if self.averaging and not self.ended:
            with self.averaging.in_place(for_good=True):
                self.state.model = self._values()
        self._save()

    def _values(self) -> Arrays:
        """Return the whole model's values; those of frozen layers are copied once and for all."""
        learning = {id(variable) for variable in self.model.variables}
        self.values = [
            np.array(variable.numpy()) if id(variable) in learning else value
            for variable, value in zip(self.whole.variables, self.values, strict=True)
        ]
        return self.values

    def _save(self) -> None:
        began = time.perf_counter()
        self.save(self.state)
        self.saved = time.perf_counter()
        self.pause = max(_SECONDS_BETWEEN_SAVES, _PAUSES_A_SAVE * (self.saved - began))


class Averaging(keras.callbacks.Callback):  # type: ignore[misc]
    """Validates the running average of the weights that the optimiser keeps.

    Keras's own `SwapEMAWeights` does so by sums and differences, which are not exact: training
    would go on from other weights.
    """

    def on_test_begin(self, logs: Any = None) -> None:
        """Put the average in the place of the weights."""
        self.swapped = ExitStack()
        self.swapped.enter_context(self.in_place())

    def on_test_end(self, logs: Any = None) -> None:
        """Put the weights back."""
        self.swapped.close()

    @contextmanager
    def in_place(self, for_good: bool = False) -> Iterator[None]:
        """Put the average in the place of the weights within the block, or for good."""
        variables = self.model.trainable_variables
        values = values_of(variables)
        self.model.optimizer.finalize_variable_values(variables)
        yield
        if not for_good:
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)


class Pace(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the learning rate of each epoch, where steps have none, and ends a stage that is over.

    Args:
        stage: Its schedule, warm-up, epochs and patience.
        state: Tells the losses so far; its keeper has to be called first.
    """

    def __init__(self, stage: Stage, state: State) -> None:
        super().__init__()
        self.stage, self.state = stage, state

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the learning rate, unless it has a schedule of its own."""
        if self.stage.schedule in BY_EPOCH:
            losses = self.state.losses(self.stage.name)
            self.model.optimizer.learning_rate = paced_rate(self.stage, losses)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop where the stage is over."""
        if is_over(self.stage, self.state.losses(self.stage.name)):
            self.model.stop_training = True


class EpochLines(keras.callbacks.Callback):  # type: ignore[misc]
    """Prints a line for each epoch, under it a bar with photos a second and time left.

    Args:
        stage: The stage's name.
        epochs: The epochs to come, on the axis of all stages.
        photos: Photos an epoch.
        batch_size: Photos a step.
        last: The number of the last epoch of all stages; None where nobody knows it yet.
        state: Tells whether an epoch is the best so far; its keeper has to be called first.
        timed: Whether a line tells photos a second and time left, for epochs that take minutes.
    """

    def __init__(
        self,
        stage: str,
        epochs: range,
        photos: int,
        batch_size: int,
        last: int | None,
        state: State,
        timed: bool = False,
    ) -> None:
        super().__init__()
        self.stage, self.epochs, self.photos = stage, epochs, photos
        self.batch_size, self.last = batch_size, last
        self.state, self.timed = state, timed
        self.shown, self.seen = ExitStack(), 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Show the bar."""
        total = self.photos * len(self.epochs)
        self.done = self.shown.enter_context(progress(f"{self.stage}: training", total))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move the bar on."""
        # Several steps may have been taken at once.
        seen = min((batch + 1) * self.batch_size, self.photos)
        self.done(seen - self.seen)
        self.seen = seen % self.photos

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Print the epoch's line."""
        end = "  best so far" if self.state.best_epoch == epoch + 1 else ""
        if self.timed:
            seconds = float(self.state.rows[-1]["seconds"])
            left = timedelta(seconds=round(seconds * (self.epochs.stop - epoch - 1)))
            end += f"   {self.photos / seconds:,.0f} images/s, {left} left in phase {self.stage}"
        of = f"/{self.last}" if self.last else ""
        say(
            f"{self.stage:<10} epoch {epoch + 1:>3}{of}"
            f"   loss {logs['loss']:.3f}  accuracy {logs['accuracy']:.3f}"
            f"   validation loss {logs['val_loss']:.3f}  accuracy {logs['val_accuracy']:.3f}{end}"
        )

    def on_train_end(self, logs: Any = None) -> None:
        """Take the bar away."""
        self.close()

    def close(self) -> None:
        """Take the bar away, also where training broke off."""
        self.shown.close()
