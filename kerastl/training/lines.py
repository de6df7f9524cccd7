"""Shows training as it goes on: a live bar, and a line an epoch."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import keras

from kerastl.console import say
from kerastl.live import progress
from kerastl.training.state import State


class EpochLines(keras.callbacks.Callback):  # type: ignore[misc]
    """Prints a line for each epoch, under it a bar with photos a second and time left.

    Args:
        stage: The stage's name.
        epochs: The epochs to come, on the axis of all stages.
        photos: Photos an epoch.
        batch_size: Photos a step.
        state: Tells whether an epoch is the best so far; its keeper has to be called first.
    """

    def __init__(
        self, stage: str, epochs: range, photos: int, batch_size: int, state: State
    ) -> None:
        super().__init__()
        self.stage, self.epochs, self.photos = stage, epochs, photos
        self.batch_size, self.state = batch_size, state
        self.shown = ExitStack()

    def on_train_begin(self, logs: Any = None) -> None:
        """Show the bar."""
        total = self.photos * len(self.epochs)
        self.done = self.shown.enter_context(progress(f"{self.stage}: training", total))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move the bar on."""
        self.done(min(self.batch_size, self.photos - batch * self.batch_size))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Print the epoch's line."""
        best = "  best so far" if self.state.best_epoch == epoch + 1 else ""
        say(
            f"{self.stage:<10} epoch {epoch + 1:>3}/{self.epochs.stop}"
            f"   loss {logs['loss']:.3f}  accuracy {logs['accuracy']:.3f}"
            f"   validation loss {logs['val_loss']:.3f}  accuracy {logs['val_accuracy']:.3f}{best}"
        )

    def on_train_end(self, logs: Any = None) -> None:
        """Take the bar away."""
        self.close()

    def close(self) -> None:
        """Take the bar away, also where training broke off."""
        self.shown.close()
