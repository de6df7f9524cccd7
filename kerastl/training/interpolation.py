"""Goes the straight way from the model that was not fine-tuned to the one that was."""

from __future__ import annotations

import keras
import numpy as np

from kerastl.backbones.inference import compiled
from kerastl.backbones.values import Arrays
from kerastl.console import say
from kerastl.data.photos import Photos
from kerastl.logits import losses_of
from kerastl.recipe import Recipe
from kerastl.training.state import State, assign

# What was found stands beside the audits of the stages.
INTERPOLATION = "interpolation"
_STEPS = 10


def interpolate(model: keras.Model, recipe: Recipe, validation: Photos, state: State) -> None:
    """Make the best model the one of the lowest validation loss on the way (Wortsman et al., 2022).

    Args:
        model: From photos to logits.
        recipe: Its batch size.
        validation: The photos to choose by.
        state: Where training has ended; its best model is replaced, and what was found is told.
    """
    if INTERPOLATION in state.audit or not state.anchor:
        return
    fine_tuned = _fine_tuned(state)
    run = compiled(model)
    losses = []
    for step in range(_STEPS + 1):
        assign(model, _between(state.anchor, fine_tuned, step / _STEPS))
        (logits,) = run(validation.images, recipe.photos_a_step, "interpolating")
        losses.append(float(losses_of(logits, validation.labels).mean()))
    best = int(np.argmin(losses))
    state.best = _between(state.anchor, fine_tuned, best / _STEPS)
    state.audit[INTERPOLATION] = {
        "share": best / _STEPS,
        "losses": [round(loss, 6) for loss in losses],
    }
    say(
        f"Kept: {best / _STEPS:.0%} of the way to the fine-tuned model, validation loss "
        f"{losses[best]:.3f} (before fine-tuning {losses[0]:.3f}, after {losses[-1]:.3f})"
    )


def _fine_tuned(state: State) -> Arrays:
    """Return the best epoch's model, or the last where the best is of before fine-tuning."""
    was_frozen = state.rows[state.best_epoch - 1]["stage"] == state.rows[0]["stage"]
    return state.model if was_frozen else state.best


def _between(start: Arrays, end: Arrays, share: float) -> Arrays:
    """Return values on the straight way; those that are the same array stay so."""
    return [
        other
        if one is other or not np.issubdtype(one.dtype, np.floating)
        else ((1 - share) * one + share * other).astype(one.dtype)
        for one, other in zip(start, end, strict=True)
    ]
