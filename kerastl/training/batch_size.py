"""How many photos a step may have for it to fit into memory, found by trying."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import attrs
import keras
import numpy as np
import tensorflow as tf

from kerastl.backbones.devices import graphics, hardware
from kerastl.backbones.engine import inference_graph
from kerastl.backbones.values import values_of
from kerastl.clock import Clock
from kerastl.console import say
from kerastl.errors import TrainingError
from kerastl.recipe import Recipe
from kerastl.stage import Stage
from kerastl.stage_rules import AUTO
from kerastl.training.losses import Labels
from kerastl.training.parts import split_stage
from kerastl.training.regularization import held_to
from kerastl.training.state import assign

_SIZES = (64, 32, 16, 8, 4, 2, 1)
# Larger batches are to keep a GPU busy.
_MOST_WITHOUT_GPU = 32

Step = Callable[[int], None]


def with_batch_size(recipe: Recipe, model: keras.Model, labels: Labels, clock: Clock) -> Recipe:
    """Return the recipe with a number for its batch size; where it is "auto", one that fits.

    Args:
        recipe: Its stages.
        model: From photos to logits; it is left as it was.
        labels: Of the photos to learn from, as of `Photos`.
        clock: Is told the seconds that it takes.

    Raises:
        TrainingError: Not even one photo fits.
    """
    if recipe.batch_size != AUTO:
        return recipe
    sizes = [size for size in _SIZES if graphics() or size <= _MOST_WITHOUT_GPU]
    with clock.part("batch size"):
        size = _largest(model, recipe, labels, sizes)
    if size is None:
        raise TrainingError(_not_even_one(recipe))
    say(f"Batch size: {size}, the first of {', '.join(map(str, sizes))} that fits into memory")
    return attrs.evolve(recipe, batch_size=size)


@contextmanager
def within_memory(recipe: Recipe, model: keras.Model, labels: Labels) -> Iterator[None]:
    """Find a batch size that fits where a step within the block does not.

    Args:
        recipe: Its stages and its batch size.
        model: From photos to logits; where the block fails its values are those of that time.
        labels: Of the photos to learn from, as of `Photos`.

    Raises:
        TrainingError: A step does not fit into memory.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if not _is_exhausted(error):
            raise
        # What failed holds on to optimisers and batches, which take the place of those to try.
        traceback.clear_frames(error.__traceback__)
        gc.collect()
        size = _largest(model, recipe, labels, [*_halves(recipe.photos_a_step)])
        told = _smaller(recipe, size) if size else _not_even_one(recipe)
        raise TrainingError(told) from error


def _smaller(recipe: Recipe, size: int) -> str:
    return (
        f"A step does not fit into the memory of {hardware()} with "
        f"batch_size={recipe.photos_a_step}; {size} fits: --batch-size {size}. Begin anew with it; "
        f"--resume keeps to {recipe.photos_a_step}, and is for where there is more memory."
    )


def _not_even_one(recipe: Recipe) -> str:
    return (
        f"A step of a single photo does not fit into the memory of {hardware()}; take a smaller "
        f"--image-size than {recipe.backbone.image_size}, or another --backbone than "
        f"{recipe.backbone.name}."
    )


def _halves(size: int) -> Iterator[int]:
    while size := size // 2:
        yield size


def _largest(
    model: keras.Model, recipe: Recipe, labels: Labels, sizes: Sequence[int]
) -> int | None:
    """Return the first of some batch sizes, each smaller than the one before, that all stages fit.

    Each is tried by a step of training, on black photos; the model is left as it was.
    """
    before, left = values_of(model.variables), [*sizes]
    for _, stage in recipe.parts:
        step = _step_of(model, recipe, stage, labels)
        while left and not _fits(step, left[0]):
            left.pop(0)
        assign(model, before)
    return left[0] if left else None


def _fits(step: Step, size: int) -> bool:
    try:
        step(size)
    except tf.errors.OpError as error:
        if not _is_exhausted(error):
            raise
        return False
    return True


def _is_exhausted(error: tf.errors.OpError) -> bool:
    """Say whether memory ran out; what fails in tf.data's threads of Python is told in words."""
    return isinstance(error, tf.errors.ResourceExhaustedError) or (
        isinstance(error, tf.errors.UnknownError) and "ResourceExhaustedError" in error.message
    )


def _step_of(model: keras.Model, recipe: Recipe, stage: Stage, labels: Labels) -> Step:
    """Return what a stage does with a batch of some size: its trunk is run, its tail learns."""
    parts = split_stage(model, stage)
    trunk = inference_graph(parts.trunk).forward("float32") if parts.trunk.weights else None
    # Which rate it is takes no memory.
    parts.compile(attrs.evolve(stage, learning_rate=1.0), recipe, labels)
    anchor = values_of(model.variables) if stage.l2_sp else []

    def step(size: int) -> None:
        if trunk:
            trunk(np.zeros((size, *model.input_shape[1:]), np.uint8))
        inputs = [np.zeros((size, *each.shape[1:]), np.float32) for each in parts.tail.inputs]
        targets = np.zeros((size, model.output_shape[-1]), np.float32)
        with held_to(anchor, parts, stage.l2_sp):
            parts.tail.train_on_batch(inputs[0] if len(inputs) == 1 else tuple(inputs), targets)

    return step
