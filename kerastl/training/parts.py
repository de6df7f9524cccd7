"""Takes a model apart at a cut: a trunk that is frozen, a tail that learns."""

from __future__ import annotations

from typing import Any

import attrs
import keras
import numpy as np

from kerastl.backbones.cuts import Cut, find_cuts, nearest_cut, trunk_and_tail
from kerastl.backbones.values import with_inner
from kerastl.recipe import Recipe
from kerastl.stage import Stage
from kerastl.stage_rules import FROZEN, TRAINING
from kerastl.training.data_parallel import on_all_devices
from kerastl.training.lora import let_learn
from kerastl.training.losses import Labels, accuracy_of, loss_of
from kerastl.training.optimizers import optimizer_of


@attrs.frozen(eq=False)
class Parts:
    """A model taken apart; the parts share its layers.

    Args:
        model: The whole.
        cut: Where.
        trunk: From the photo to the cut, all frozen.
        tail: From the cut to the logits, learning but for its batch normalisation.
    """

    model: keras.Model
    cut: Cut
    trunk: keras.Model
    tail: keras.Model

    def compile(
        self, stage: Stage, recipe: Recipe, labels: Labels, steps: int = 1, **options: Any
    ) -> None:
        """Give the tail the optimiser, loss and metric that it is trained with.

        Args:
            stage: Its optimiser and learning rates.
            recipe: Its loss.
            labels: Of the photos to learn from, as of `Photos`.
            steps: Steps an epoch.
            options: More of Keras's own arguments.
        """
        self.tail.compile(
            optimizer=optimizer_of(stage, steps, self.tail, self.model),
            loss=loss_of(recipe, labels),
            metrics=[accuracy_of(labels)],
            **options,
        )

    def describe(self, stage: Stage) -> str:
        """Return the line that says what the stage trains."""
        learning = sum(int(np.prod(weight.shape)) for weight in self.tail.trainable_weights)
        what = "" if not self.cut.share else " and all of the backbone"
        if 0 < self.cut.share < 1:
            what = f" and the last {self.cut.share:.0%} of the backbone, after {self.cut.layer}"
        return (
            f"Stage {stage.name}: epochs {stage.epochs}, learning the head{what}: "
            f"{learning:,} of {self.model.count_params():,} weights"
        )


def split_and_freeze(
    model: keras.Model, share: float, normalization: str = FROZEN, lora: bool = False
) -> Parts:
    """Take a model apart at the cut nearest to a share, and freeze what does not learn.

    Each batch normalisation layer has to be frozen by itself: an unfrozen one would go on moving
    its statistics, even in a model that is called with `training=False`.

    Args:
        model: From photos to logits.
        share: Share of the backbone that is to learn, 0..1.
        normalization: As of a stage; with `"training"` batch normalisation that lies after the cut
            learns, too.
        lora: Whether of the backbone nothing learns but what was added by `add_lora`.
    """
    cut = nearest_cut(find_cuts(model), share)
    trunk, tail = trunk_and_tail(model, cut)
    if cut.share:
        # A head alone takes less time than it takes to hand it out.
        tail = on_all_devices(tail)
    for layer in with_inner(model.layers):
        layer.trainable = False
    for layer in with_inner(tail.layers):
        layer.trainable = normalization == TRAINING or not normalizes(layer)
    let_learn(with_inner(tail.layers), lora)
    return Parts(model, cut, trunk, tail)


def split_stage(model: keras.Model, stage: Stage) -> Parts:
    """Take a model apart as a stage declares."""
    return split_and_freeze(model, stage.unfreeze, stage.normalization, stage.lora > 0)


def normalizes(layer: Any) -> bool:
    """Say whether a layer is batch normalisation."""
    return isinstance(layer, keras.layers.BatchNormalization)
