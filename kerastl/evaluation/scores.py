"""Logits and labels -> scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
)

from kerastl.evaluation.calibration import calibration_error
from kerastl.logits import losses_of, probabilities_of


@attrs.frozen(eq=False)
class ClassScore:
    """How well one class is told from the others, shares from 0 to 1.

    The average precision, the area under the curve of precision over recall, is of photos with any
    number of labels.
    """

    name: str
    precision: float
    recall: float
    f1: float
    images: int
    average_precision: float | None = None

    def as_json(self) -> dict[str, float]:
        """Return the figures, made of what JSON has."""
        figures = {
            "precision": round(self.precision, 4),
            "recall": round(self.recall, 4),
            "f1": round(self.f1, 4),
            "images": self.images,
        }
        if self.average_precision is not None:
            figures["average_precision"] = round(self.average_precision, 4)
        return figures


@attrs.frozen(eq=False)
class Scores:
    """How well a model does on one split.

    Args:
        accuracy: Share of photos whose most probable class is theirs; of photos with any number of
            labels, of those of which all labels are told right.
        macro_f1: The mean over the classes present of each class's F1.
        loss: Mean cross-entropy in nats.
        calibration_error: By how much probabilities are off in the mean, 0..1.
        images: Number of photos.
        by_class: One for each class.
        confusion: Photos by true class (rows) and predicted class (columns); of photos with any
            number of labels one such table of two for each label, `[labels, 2, 2]`.
    """

    accuracy: float
    macro_f1: float
    loss: float
    calibration_error: float
    images: int
    by_class: tuple[ClassScore, ...]
    confusion: npt.NDArray[np.int64]

    def summary(self) -> dict[str, float]:
        """Return the figures of the split as a whole."""
        return {
            "accuracy": round(self.accuracy, 4),
            "macro_f1": round(self.macro_f1, 4),
            "loss": round(self.loss, 4),
            "calibration_error": round(self.calibration_error, 4),
            "images": self.images,
        }

    def as_json(self) -> dict[str, Any]:
        """Return all figures, made of what JSON has."""
        by_class = {score.name: score.as_json() for score in self.by_class}
        return {**self.summary(), "classes": by_class, "confusion": self.confusion.tolist()}


def score(
    logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], classes: Sequence[str]
) -> Scores:
    """Score logits `[photos, classes]` against labels; there is at least one photo.

    Args:
        logits: What the model says.
        labels: Indices into the classes `[photos]`, or 1 for each of a photo's labels and 0 for the
            others `[photos, classes]`.
        classes: Their names.
    """
    if labels.ndim == 2:
        return _score_each(logits, labels, classes)
    predicted = predicted_labels(logits, multi_label=False)
    numbers = np.arange(len(classes))
    precision, recall, f1, images = precision_recall_fscore_support(
        labels, predicted, labels=numbers, zero_division=0
    )
    # A class that is neither there nor predicted has no F1; it would count as a zero.
    concerned = (images > 0) | np.isin(numbers, predicted)
    return Scores(
        accuracy=float((predicted == labels).mean()),
        macro_f1=float(f1[concerned].mean()),
        loss=float(losses_of(logits, labels).mean()),
        calibration_error=_calibration_error(logits, labels),
        images=len(labels),
        by_class=tuple(
            ClassScore(name, float(precision[i]), float(recall[i]), float(f1[i]), int(images[i]))
            for i, name in enumerate(classes)
        ),
        confusion=confusion_matrix(labels, predicted, labels=numbers),
    )


def _calibration_error(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> float:
    exact = logits.astype(np.float64)
    return calibration_error(probabilities_of(exact, labels.ndim == 2), labels)


def predicted_labels(logits: npt.NDArray[np.float32], multi_label: bool) -> npt.NDArray[np.int64]:
    """Return what the model takes photos for: the index of the most probable class `[photos]`.

    Of photos with any number of labels it is 1 for each label that is more probable than not, and 0
    for the others `[photos, classes]`.
    """
    return np.asarray(logits > 0 if multi_label else logits.argmax(axis=1), np.int64)


def _score_each(
    logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], classes: Sequence[str]
) -> Scores:
    """Score photos with any number of labels, each label for itself."""
    predicted = predicted_labels(logits, multi_label=True)
    precision, recall, f1, images = precision_recall_fscore_support(
        labels, predicted, average=None, zero_division=0
    )
    concerned = (images > 0) | predicted.any(axis=0)
    return Scores(
        accuracy=float((predicted == labels).all(axis=1).mean()),
        macro_f1=float(f1[concerned].mean()) if concerned.any() else 0.0,
        loss=float(losses_of(logits, labels).mean()),
        calibration_error=_calibration_error(logits, labels),
        images=len(labels),
        by_class=tuple(
            ClassScore(
                name,
                float(precision[i]),
                float(recall[i]),
                float(f1[i]),
                int(images[i]),
                float(average_precision_score(labels[:, i], logits[:, i])) if images[i] else None,
            )
            for i, name in enumerate(classes)
        ),
        confusion=multilabel_confusion_matrix(labels, predicted),
    )
