"""Low-rank adaptation: a kernel is left as it is, and what is added to it has few weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from kerastl.backbones.cuts import HEAD, find_cuts, nearest_cut, trunk_and_tail
from kerastl.backbones.values import with_inner
from kerastl.errors import UsageError
from kerastl.recipe import Recipe

_KINDS = (keras.layers.Conv2D, keras.layers.Dense)


def add_lora(model: keras.Model, recipe: Recipe) -> None:
    """Add to kernels the products of two thin matrices, zeros at first (Hu et al., 2022).

    They are there from the beginning of a run, so that its state has the same variables throughout;
    stages without `lora` leave them as they are.

    Args:
        model: From photos to logits.
        recipe: Its stages say after which cut, and of which rank.

    Raises:
        UsageError: Stages differ in their rank, or there is no kernel to add to.
    """
    stages = [stage for stage in recipe.stages if stage.lora]
    if not stages:
        return
    ranks = {stage.lora for stage in stages}
    if len(ranks) > 1:
        raise UsageError(f"All stages with lora must have the same rank, not {sorted(ranks)}.")
    share = max(stage.unfreeze for stage in stages)
    _, tail = trunk_and_tail(model, nearest_cut(find_cuts(model), share))
    layers = [layer for layer in with_inner(tail.layers) if _can_adapt(layer)]
    if not layers:
        raise UsageError(
            f"Stage {stages[0].name} has lora={stages[0].lora}, but no convolution or dense layer "
            "of the backbone lies after its cut; raise its unfreeze."
        )
    for number, layer in enumerate(layers):
        first = keras.initializers.HeUniform(recipe.seed + number)
        layer.enable_lora(stages[0].lora, a_initializer=first)


def adapts(layer: Any) -> bool:
    """Say whether a layer has thin matrices beside its kernel."""
    return bool(getattr(layer, "lora_enabled", False))


def let_learn(layers: Iterator[Any], lora: bool) -> None:
    """Let either the thin matrices of layers learn, or all but them.

    Args:
        layers: Those after a cut, which are trainable.
        lora: Whether the matrices are to learn; layers of the backbone without any are frozen then.
    """
    for layer in layers:
        if adapts(layer):
            thin = {id(layer.lora_kernel_a), id(layer.lora_kernel_b)}
            for variable in layer.weights:
                variable.trainable = (id(variable) in thin) == lora
        elif lora and not layer.name.startswith(HEAD):
            layer.trainable = False


def _can_adapt(layer: Any) -> bool:
    # Depthwise kernels are as thin as what would be added to them.
    return (
        isinstance(layer, _KINDS)
        and not isinstance(layer, keras.layers.DepthwiseConv2D)
        and not layer.name.startswith(HEAD)
    )
