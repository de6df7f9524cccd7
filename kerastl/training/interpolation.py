"""Goes the straight way from the model that was not fine-tuned to the one that was."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from kerastl.backbones.inference import compiled
from kerastl.backbones.values import Arrays
from kerastl.console import say
from kerastl.data.photos import Photos
from kerastl.logits import losses_of
from kerastl.recipe import Recipe
from kerastl.training.kept import tell_in_vain, warn_if_diverged
from kerastl.training.state import State, assign

# What was found stands beside the audits of the stages, whose names have no spaces.
INTERPOLATION = "weight interpolation"
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
    ends = (state.anchor, _fine_tuned(recipe, state))
    run = compiled(model)
    losses = []
    for step in range(_STEPS + 1):
        assign(model, _between(model.variables, *ends, step / _STEPS))
        (logits,) = run(validation.images, recipe.photos_a_step, "interpolating")
        losses.append(float(losses_of(logits, validation.labels).mean()))
    best = int(np.argmin(losses))
    state.best = _between(model.variables, *ends, best / _STEPS)
    state.audit[INTERPOLATION] = {
        "share": best / _STEPS,
        "losses": [round(loss, 6) for loss in losses],
    }
    say(
        f"Kept: {best / _STEPS:.0%} of the way to the fine-tuned model, validation loss "
        f"{losses[best]:.3f} (before fine-tuning {losses[0]:.3f}, after {losses[-1]:.3f})"
    )
    if best == 0:
        tell_in_vain("Fine-tuning")
    warn_if_diverged(losses[best], model.output_shape[-1], validation.labels.ndim == 2)


def _fine_tuned(recipe: Recipe, state: State) -> Arrays:
    """Return the best epoch's model, or the last where the best is of before fine-tuning."""
    tuning = {stage.name for _, stage in recipe.parts if stage.unfreeze}
    return state.best if state.rows[state.best_epoch - 1]["stage"] in tuning else state.model


def _between(
    variables: Sequence[keras.Variable], start: Arrays, end: Arrays, share: float
) -> Arrays:
    """Return values on the straight way; those that are the same array stay so.

    Of what low-rank adaptation adds to a kernel, a product, one factor goes the way, and the other
    is that of the end: at the start the product is zero, whatever the second one is.
    """
    return [
        other
        if one is other or not np.issubdtype(one.dtype, np.floating) or _is_second(variable)
        else ((1 - share) * one + share * other).astype(one.dtype)
        for variable, one, other in zip(variables, start, end, strict=True)
    ]


def _is_second(variable: keras.Variable) -> bool:
    return bool(variable.path.endswith("lora_kernel_a"))
