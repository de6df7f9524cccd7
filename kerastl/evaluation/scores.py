"""Logits and labels -> scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support


@attrs.frozen(eq=False)
class ClassScore:
    """How well one class is told from the others, shares from 0 to 1."""

    name: str
    precision: float
    recall: float
    f1: float
    images: int


@attrs.frozen(eq=False)
class Scores:
    """How well a model does on one split.

    Args:
        accuracy: Share of photos whose most probable class is theirs.
        macro_f1: The mean over the classes present of each class's F1.
        loss: Mean cross-entropy in nats.
        images: Number of photos.
        by_class: One for each class.
        confusion: Photos by true class (rows) and predicted class (columns).
    """

    accuracy: float
    macro_f1: float
    loss: float
    images: int
    by_class: tuple[ClassScore, ...]
    confusion: npt.NDArray[np.int64]

    def summary(self) -> dict[str, float]:
        """Return the figures of the split as a whole."""
        return {
            "accuracy": round(self.accuracy, 4),
            "macro_f1": round(self.macro_f1, 4),
            "loss": round(self.loss, 4),
            "images": self.images,
        }

    def as_json(self) -> dict[str, Any]:
        """Return all figures, made of what JSON has."""
        by_class = {
            score.name: {
                "precision": round(score.precision, 4),
                "recall": round(score.recall, 4),
                "f1": round(score.f1, 4),
                "images": score.images,
            }
            for score in self.by_class
        }
        return {**self.summary(), "classes": by_class, "confusion": self.confusion.tolist()}


def score(
    logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], classes: Sequence[str]
) -> Scores:
    """Score logits `[photos, classes]` against labels `[photos]`; there is at least one photo."""
    predicted = logits.argmax(axis=1)
    numbers = np.arange(len(classes))
    precision, recall, f1, images = precision_recall_fscore_support(
        labels, predicted, labels=numbers, zero_division=0
    )
    # A class that is neither there nor predicted has no F1; it would count as a zero.
    concerned = (images > 0) | np.isin(numbers, predicted)
    of_truth = log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(labels)), labels]
    return Scores(
        accuracy=float((predicted == labels).mean()),
        macro_f1=float(f1[concerned].mean()),
        loss=float(-of_truth.mean()),
        images=len(labels),
        by_class=tuple(
            ClassScore(name, float(precision[i]), float(recall[i]), float(f1[i]), int(images[i]))
            for i, name in enumerate(classes)
        ),
        confusion=confusion_matrix(labels, predicted, labels=numbers),
    )
