"""What logits mean: probabilities, and how far they are from the labels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_softmax, softmax


def probabilities_of(logits: npt.NDArray[Any], multi_label: bool) -> npt.NDArray[Any]:
    """Return the probability of each class, or of each label for itself, in the logits' type.

    Args:
        logits: `[photos, classes]`.
        multi_label: Whether a photo has any number of labels.
    """
    found: npt.NDArray[Any] = expit(logits) if multi_label else softmax(logits, axis=1)
    return found


def loss_of_chance(classes: int, multi_label: bool) -> float:
    """Return the cross-entropy, in nats, of who knows nothing.

    Args:
        classes: How many there are.
        multi_label: Whether a photo has any number of labels, each for itself.
    """
    return math.log(2 if multi_label else classes)


def losses_of(logits: npt.NDArray[Any], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the cross-entropy of each photo in nats, or of each of its labels for itself.

    Args:
        logits: `[photos, classes]`.
        labels: Indices into the classes `[photos]`, or 1 for each of a photo's labels and 0 for the
            others `[photos, classes]`.
    """
    exact = logits.astype(np.float64)
    if labels.ndim == 2:
        # The cross-entropy of a label with its sigmoid, in a form that does not overflow.
        each: npt.NDArray[np.float64] = np.logaddexp(0, np.where(labels == 1, -exact, exact))
        return each
    found: npt.NDArray[np.float64] = -log_softmax(exact, axis=1)[np.arange(len(labels)), labels]
    return found
