"""What training makes small: the loss for labels of either kind, and how much each photo counts."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.data.photos import Photos
from kerastl.errors import DataError
from kerastl.recipe import Recipe

Labels = npt.NDArray[np.int64]

# A photo of a very rare label would else throw off all that was learned from the others.
_MOST_WEIGHT = 20.0
_WEIGHTS, _SAMPLER = "weights", "sampler"


def require_balance(balance: str | None) -> None:
    """Make sure that photos of several labels can be balanced so.

    Raises:
        DataError: They are to be by a sampler.
    """
    if balance == _SAMPLER:
        raise DataError(
            "Photos of several labels cannot be shown equally often for each; set balance to "
            "'weights'."
        )


def loss_of(recipe: Recipe, labels: Labels) -> Any:
    """Return the loss for logits: cross-entropy over the classes, or over each label for itself.

    Balanced labels count alike in the validation loss, too.

    Args:
        recipe: Its label smoothing and balance.
        labels: Of the photos to learn from, as of `Photos`.

    Raises:
        DataError: Photos of several labels are to be balanced by a sampler.
    """
    options: dict[str, Any] = {"from_logits": True, "label_smoothing": recipe.label_smoothing}
    if labels.ndim == 1:
        if recipe.focal:
            return keras.losses.CategoricalFocalCrossentropy(1.0, recipe.focal, **options)
        return keras.losses.CategoricalCrossentropy(**options)
    require_balance(recipe.balance)
    if recipe.balance is None:
        if recipe.focal:
            return keras.losses.BinaryFocalCrossentropy(gamma=recipe.focal, **options)
        return keras.losses.BinaryCrossentropy(**options)
    # Photos that have a label count, together, as much as those without it.
    having = labels.sum(axis=0)
    with_it, without = (_half_of(len(labels), count) for count in (having, len(labels) - having))

    def weighted(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
        return tf.reduce_mean(losses * tf.where(targets > 0.5, with_it, without), axis=-1)

    return weighted


def _half_of(photos: int, counts: Labels) -> tf.Tensor:
    """Return the weight by which so many photos count as half of all; 1 where there are none."""
    weights = np.where(counts, photos / (2 * np.maximum(counts, 1)), 1)
    return tf.constant(np.minimum(weights, _MOST_WEIGHT), tf.float32)


def accuracy_of(labels: Labels) -> Any:
    """Return the metric `accuracy`: the share of photos of which all is told right."""
    if labels.ndim == 1:
        return keras.metrics.CategoricalAccuracy(name="accuracy")

    def accuracy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        right = tf.equal(targets > 0.5, logits > 0)
        return tf.cast(tf.reduce_all(right, axis=-1), tf.float32)

    return keras.metrics.MeanMetricWrapper(accuracy, name="accuracy")


def weights_of(photos: Photos, balance: str | None) -> npt.NDArray[np.float32] | None:
    """Return how much each photo counts in the loss, on average 1; None where all count alike.

    Args:
        photos: Those to learn from.
        balance: As in a recipe.
    """
    weights = photos.weights
    if balance == _WEIGHTS and photos.labels.ndim == 1:
        weights = np.ones(len(photos), np.float32) if weights is None else weights
        totals = np.maximum(np.bincount(photos.labels, weights), np.finfo(np.float32).tiny)
        weights = (weights / totals[photos.labels]).astype(np.float32)
    if weights is None:
        return None
    shares: npt.NDArray[np.float32] = (weights / weights.mean()).astype(np.float32)
    return shares
