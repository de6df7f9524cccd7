"""Whether probabilities are what they say: how far they are off, and what mends them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from kerastl.logits import losses_of, probabilities_of

_BINS = 15
# The logarithm of a temperature is held near 0 by as much as one more photo would: where a few
# photos are all told right, the likeliest temperature would be 0, and each answer certain.
_SPREAD = 0.5
_MOST = math.log(20)
# Probabilities this near to each other may change places where others compute them in float32.
_ROUNDING = 1e-5


def calibration_error(
    probabilities: npt.NDArray[Any], labels: npt.NDArray[np.int64], bins: int = _BINS
) -> float:
    """Return by how much probabilities are off in the mean (Naeini et al., 2015).

    Photos are put into bins of as many photos each, by the probability of what they are taken for
    (Nguyen & O'Connor, 2015); in each the mean probability and the share of those told right
    should be the same.

    Args:
        probabilities: Of each class, 0..1 `[photos, classes]`.
        labels: Indices into the classes `[photos]`; or 1 for each of a photo's labels and 0 for the
            others `[photos, classes]`: then each label counts for itself.
        bins: How many at most.

    Returns:
        The expected calibration error, 0..1.
    """
    told, right = _told(probabilities, labels)
    order = np.argsort(told, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    off = (len(part) * abs(told[part].mean() - right[part].mean()) for part in parts)
    return float(sum(off) / len(order))


def fit_temperature(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> float:
    """Return by what logits have to be divided for probabilities to be true (Guo et al., 2017).

    It changes no photo's most probable class.

    Args:
        logits: Those of photos that the model has not learned from `[photos, classes]`.
        labels: As of `calibration_error`.

    Returns:
        The temperature, 0.05..20; above 1 where the model is too certain.
    """

    def loss(logarithm: float) -> float:
        found = losses_of(logits / math.exp(logarithm), labels)
        return float(found.sum() + (logarithm / _SPREAD) ** 2 / 2)

    found = minimize_scalar(loss, bounds=(-_MOST, _MOST), method="bounded")
    return math.exp(float(found.x))


def threshold_for(
    probabilities: npt.NDArray[Any], labels: npt.NDArray[np.int64], precision: float
) -> float | None:
    """Return from which probability on so large a share of the photos is told right.

    Args:
        probabilities: Of each class, 0..1 `[photos, classes]`.
        labels: Indices into the classes `[photos]`.
        precision: The share that is wanted, 0..1.

    Returns:
        A probability in the middle between the lowest that still has an answer and the next lower
        one, so that rounding moves no photo across, with as many photos answered as can be: 0 where
        all can. None where not even the most certain answers are right so often.
    """
    told, right = _told(probabilities, labels)
    order = np.argsort(-told, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    falling = told[order].astype(np.float64)
    # Photos of one probability are answered together.
    last_of_equals = np.append(falling[:-1] - falling[1:] > _ROUNDING, True)
    enough = np.flatnonzero((shares >= precision) & last_of_equals)
    if not len(enough):
        return None
    last = enough[-1]
    return float(falling[last : last + 2].mean()) if last + 1 < len(falling) else 0.0


def calibration(
    logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], temperature: float
) -> dict[str, float]:
    """Return the calibration error of a split before and after its logits are divided."""
    multi_label = labels.ndim == 2
    before, after = (
        calibration_error(probabilities_of(some.astype(np.float64), multi_label), labels)
        for some in (logits, logits / temperature)
    )
    return {"before": round(before, 4), "after": round(after, 4)}


def _told(
    probabilities: npt.NDArray[Any], labels: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return with which probability each answer was given, and whether it is right."""
    if labels.ndim == 2:
        yes = probabilities > 0.5
        told = np.where(yes, probabilities, 1 - probabilities)
        return told.ravel(), (yes == (labels == 1)).ravel()
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
