"""Tells a person which epoch is kept, and what that says of the stages."""

from __future__ import annotations

from kerastl.console import say
from kerastl.logits import loss_of_chance
from kerastl.training.state import State

# A loss so many times that of chance is no bad luck.
_DIVERGED = 2.0


def tell_kept(state: State, classes: int, several: bool) -> None:
    """Say which epoch is kept; where the last stage was in vain, or all of it, say so.

    Args:
        state: What training has ended in.
        classes: How many there are.
        several: Whether a photo has any number of labels.
    """
    kept, last = state.rows[state.best_epoch - 1], state.rows[-1]
    loss = state.best_loss
    say(f"Kept: epoch {state.best_epoch}, of stage {kept['stage']}, validation loss {loss:.3f}")
    if kept["stage"] != last["stage"]:
        tell_in_vain(f"Stage {last['stage']}")
    warn_if_diverged(loss, classes, several)


def tell_in_vain(what: str) -> None:
    """Say that a part of training has found nothing better than what was there before."""
    say(f"{what} has found nothing better; a lower learning_rate may (`kerastl find-lr`).")


def warn_if_diverged(loss: float, classes: int, several: bool) -> None:
    """Warn where even the validation loss of what is kept is far above that of chance."""
    chance = loss_of_chance(classes, several)
    if loss > _DIVERGED * chance:
        say(
            f"Warning: even that is far above the {chance:.3f} of chance: training has diverged. "
            "Lower the learning_rate."
        )
