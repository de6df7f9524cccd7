"""A model and the photos of a split -> scores, and what it said of each photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np
import numpy.typing as npt

from kerastl.backbones.inference import Compiled
from kerastl.data.photos import Photos
from kerastl.evaluation.predictions import Flags, Predictions, write_predictions
from kerastl.evaluation.scores import Scores, predicted_labels, score
from kerastl.logits import probabilities_of


@attrs.frozen(eq=False)
class Evaluation:
    """What came of a model on the photos of a split.

    Args:
        scores: How well it does.
        predictions: What it said of each photo.
        probabilities: Of each class, 0..1 `[photos, classes]`.
        logits: What they are made of.
    """

    scores: Scores
    predictions: Predictions
    probabilities: npt.NDArray[np.float64] = attrs.field(repr=False)
    logits: npt.NDArray[np.float32] = attrs.field(repr=False)


def evaluate(
    model: Compiled,
    photos: Photos,
    classes: Sequence[str],
    name: str,
    batch_size: int = 32,
    file: Path | None = None,
) -> Evaluation:
    """Score a model on the photos of a split; there is at least one.

    Args:
        model: From photos of 0..255 to logits.
        photos: Those of the split.
        classes: Their names, in the order of the logits.
        name: The split's, for the progress bar.
        batch_size: Photos a step.
        file: Where what was said of each photo is written, if anywhere.

    Raises:
        RunDirectoryError: The file cannot be written.
    """
    (logits,) = model(photos.images, batch_size, f"evaluating {name}")
    exact, multi_label = logits.astype(np.float64), photos.labels.ndim == 2
    probabilities = probabilities_of(exact, multi_label)
    predictions = _predictions(photos, classes, logits)
    if file:
        write_predictions(file, predictions, probabilities)
    scores = score(logits, photos.labels, classes)
    return Evaluation(scores, predictions, probabilities, logits)


def _predictions(
    photos: Photos, classes: Sequence[str], logits: npt.NDArray[np.float32]
) -> Predictions:
    multi_label = photos.labels.ndim == 2
    predicted = predicted_labels(logits, multi_label)
    labels, said = (_flags(some, len(classes)) for some in (photos.labels, predicted))
    return Predictions(photos.names, tuple(classes), labels, said, multi_label)


def _flags(labels: npt.NDArray[np.int64], classes: int) -> Flags:
    """Return whether each photo is of each class `[photos, classes]`."""
    return labels.astype(bool) if labels.ndim == 2 else np.eye(classes, dtype=bool)[labels]
