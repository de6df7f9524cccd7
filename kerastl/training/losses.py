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
# Below it the slope of a power would have no end.
_NOTHING_MISSED = 1e-6


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
        recipe: Its label smoothing, balance and focus on what is told wrong (Lin et al., 2017).
        labels: Of the photos to learn from, as of `Photos`.

    Raises:
        DataError: Photos of several labels are to be balanced by a sampler.
    """
    several = labels.ndim == 2
    if several:
        require_balance(recipe.balance)
    if not recipe.focal and not (several and recipe.balance):
        kind = keras.losses.BinaryCrossentropy if several else keras.losses.CategoricalCrossentropy
        return kind(from_logits=True, label_smoothing=recipe.label_smoothing)
    gamma, smoothing = recipe.focal, recipe.label_smoothing
    if not several:
        return lambda targets, logits: _focal(targets, logits, gamma, smoothing)
    counts = _counts_of(labels) if recipe.balance else (1.0, 1.0)
    return lambda targets, logits: _focal_each(targets, logits, gamma, smoothing, counts)


def _focal(targets: tf.Tensor, logits: tf.Tensor, gamma: float, smoothing: float) -> tf.Tensor:
    """Return the loss of each photo, the less the more of it is told right.

    How much that is goes by the labels as they are: of smoothed ones nothing is ever told right,
    and a sum over the classes would count most what is told best (as Keras's own does).
    """
    spread = targets * (1 - smoothing) + smoothing / tf.cast(tf.shape(targets)[-1], targets.dtype)
    losses = tf.nn.softmax_cross_entropy_with_logits(spread, logits)
    missed = 1 - tf.reduce_sum(targets * tf.nn.softmax(logits), axis=-1)
    return losses * tf.maximum(missed, _NOTHING_MISSED) ** gamma


def _focal_each(
    targets: tf.Tensor,
    logits: tf.Tensor,
    gamma: float,
    smoothing: float,
    counts: tuple[Any, Any],
) -> tf.Tensor:
    """Return the loss of each photo, the mean over its labels, each counted for itself.

    Args:
        targets: 1 for each of its labels `[photos, labels]`.
        logits: Of each label.
        gamma: How much less a label counts that is told right.
        smoothing: As in a recipe.
        counts: What photos with a label count, and those without it.
    """
    spread = targets * (1 - smoothing) + smoothing / 2
    losses = tf.nn.sigmoid_cross_entropy_with_logits(spread, logits)
    probabilities = tf.sigmoid(logits)
    missed = targets * (1 - probabilities) + (1 - targets) * probabilities
    losses *= tf.maximum(missed, _NOTHING_MISSED) ** gamma
    return tf.reduce_mean(losses * tf.where(targets > 0.5, *counts), axis=-1)


def _counts_of(labels: Labels) -> tuple[tf.Tensor, tf.Tensor]:
    """Return what photos that have a label count, and the others, so that both weigh the same."""
    having = labels.sum(axis=0)
    return _half_of(len(labels), having), _half_of(len(labels), len(labels) - having)


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
