"""Optimisers and learning rates as every training here uses them."""

from __future__ import annotations

from typing import Any

import keras


def adam(rate: Any, weight_decay: float, model: keras.Model, **options: Any) -> Any:
    """Return Adam, or AdamW (Loshchilov & Hutter, 2019) that spares biases and normalisation.

    Args:
        rate: The learning rate, or its schedule.
        weight_decay: The decoupled weight decay; with 0 it is Adam (Kingma & Ba, 2015).
        model: What is trained, for the precision its layers compute in.
        options: More of the optimiser's own arguments.
    """
    if weight_decay:
        optimizer = keras.optimizers.AdamW(rate, weight_decay=weight_decay, **options)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    else:
        # AdamW takes a decay of 0 off as well, and evaluates the schedule for each variable.
        optimizer = keras.optimizers.Adam(rate, **options)
    # Keras scales the loss by itself only where the model's own policy is mixed_float16, and not
    # where its layers' are: small gradients would become 0.
    if any(layer.compute_dtype == "float16" for layer in model.layers):
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def cosine(rate: float, steps: int, warmup: int) -> Any:
    """Return the schedule that climbs from 0 and falls to 0 (Loshchilov & Hutter, 2017).

    Args:
        rate: The highest learning rate.
        steps: Steps of the whole.
        warmup: Steps of those that climb; at least one step falls.
    """
    warmup = min(warmup, steps - 1)
    return keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup
    )
