"""Looks at a first batch before anything is learned: what is wrong with it is wrong with all."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

from kerastl.backbones.cuts import nodes_of
from kerastl.cache import Array
from kerastl.console import say
from kerastl.data.photos import Photos
from kerastl.errors import TrainingError
from kerastl.logits import loss_of_chance, losses_of
from kerastl.training.features import Features
from kerastl.training.parts import Parts

# Where the whole network is in the tail, each takes a while; of fewer, nothing can be said of how
# they differ.
_FEWEST_PHOTOS, _MOST_PHOTOS = 8, 16
# What enters the first convolution differs by 1 to 255 between black and white, whichever of the
# four ways of Keras Applications prepares it.
_LEAST_SPAN = 0.5
# Features of photos differ by 0.5 to 0.8 of their size, those of noise on one and the same by 0.1.
_LEAST_VARIATION = 0.01
# Beyond this the most probable class is certain.
_SATURATED = 0.999
_FAR_ABOVE = 5.0
# What was seen stands beside the audits of the stages, whose names have no spaces.
FIRST_BATCH = "first batch"


def require_labels(photos: Photos, classes: int) -> None:
    """Make sure that photos are labelled with the classes there are.

    Args:
        photos: Those to learn from, or to validate on.
        classes: How many there are.

    Raises:
        TrainingError: A label is of no class.
    """
    # Of any number of labels each is told by 0 and 1.
    most = classes - 1 if photos.labels.ndim == 1 else 1
    found = int(photos.labels.min()), int(photos.labels.max())
    if found[0] < 0 or found[1] > most:
        raise TrainingError(
            f"The labels are {found[0]} to {found[1]}; expected 0 to {most} for {classes} classes, "
            "which are counted from 0."
        )


def check_first_batch(
    parts: Parts, features: Features, photos: Photos, size: int
) -> dict[str, Any]:
    """Make sure that training begins as it has to, and return what was seen.

    Args:
        parts: The model, taken apart.
        features: What the tail is given.
        photos: The photos that they are of.
        size: How many of them fit into memory at once.

    Raises:
        TrainingError: Pixels are scaled twice or not at all, all features are the same, logits are
            not finite, are probabilities, or are certain of what they cannot know.
    """
    few = min(len(photos), _MOST_PHOTOS, max(_FEWEST_PHOTOS, size))
    numbers = np.arange(0, len(photos), len(photos) // few)[:few]
    _check_pixels(parts.model, photos.images[numbers])
    described, logits = _outputs(parts.tail, features, numbers, size)
    variation = _variation(described)
    if few > 1:
        _require_variation(variation)
    found = _check_logits(logits, photos.labels[numbers])
    return {"photos": len(numbers), "feature_variation": round(variation, 4), **found}


def _outputs(
    tail: keras.Model, features: Features, numbers: npt.NDArray[np.int64], size: int
) -> tuple[Array, Array]:
    """Return what enters the last layer and what leaves it, for some of the photos."""
    last = nodes_of(tail)[-1]
    function = keras.Function(tail.inputs, [last.input_tensors[0], tail.outputs[0]])
    parts = []
    for start in range(0, len(numbers), size):
        inputs = features.of(numbers[start : start + size], 0)
        parts.append(function([np.asarray(each, np.float32) for each in inputs]))
    described, logits = (
        np.concatenate([np.asarray(each, np.float64) for each in some])
        for some in zip(*parts, strict=True)
    )
    return described, logits


def _check_pixels(model: keras.Model, images: Array) -> None:
    if images.max() <= 1:
        raise TrainingError(
            f"The pixels of the first photos are at most {images.max()}; expected 0 to 255. They "
            "were scaled before they were given."
        )
    span = _span(model)
    if span < _LEAST_SPAN:
        raise TrainingError(
            f"Black and white differ by {span:.2g} where they enter the first convolution; "
            "expected 1 to 255. The pixels are scaled twice."
        )


def _span(model: keras.Model) -> float:
    """Return how far white is from black where pixels enter the first layer with a kernel."""
    first = next(
        node
        for node in nodes_of(model)
        if any(len(weight.shape) > 1 for weight in getattr(node.operation, "weights", ()))
    )
    prepared = keras.Function(model.inputs, first.input_tensors[0])
    height, width = model.input_shape[1:3]
    both = np.repeat([0.0, 255.0], height * width * 3).reshape(2, height, width, 3)
    black, white = np.asarray(prepared([both.astype(np.float32)]), np.float64)
    # What is padded with zeros is the same in both.
    return float(np.median(np.abs(white - black), axis=(0, 1)).min())


def _variation(features: Array) -> float:
    """Return how far features are from their mean over the photos, as a share of their size."""
    rows = features.reshape(len(features), -1)
    size = np.linalg.norm(rows)
    return float(np.linalg.norm(rows - rows.mean(axis=0)) / size) if size else 0.0


def _require_variation(variation: float) -> None:
    if not variation >= _LEAST_VARIATION:
        raise TrainingError(
            f"The features of the first photos differ by {variation:.2%} of their size; expected "
            "far more. The backbone's weights were not loaded, its photos are not as it expects "
            "them, or the photos are all the same."
        )


def _check_logits(logits: Array, labels: Array) -> dict[str, float]:
    """Make sure that logits of a network that has learned nothing yet are those of one."""
    if not np.isfinite(logits).all():
        raise TrainingError("The first logits are not all numbers; the weights of the network are.")
    several = labels.ndim == 2
    if _are_probabilities(logits, several):
        kind = "sigmoid" if several else "softmax"
        raise TrainingError(
            f"The model ends in probabilities, not in logits: a {kind} stands before a loss that "
            "applies one itself. Take it away."
        )
    loss, certain = float(losses_of(logits, labels).mean()), _certainty(logits, several)
    expected = loss_of_chance(logits.shape[1], several)
    if certain > _SATURATED and loss > expected + _FAR_ABOVE:
        raise TrainingError(
            f"The first logits are certain of their classes, and wrong: a loss of {loss:.1f}, "
            f"expected about {expected:.2f}. The features are far too large for the head, as the "
            "backbone's weights were not loaded or its photos are not as it expects them."
        )
    if loss > 2 * expected + 1:
        say(
            f"Warning: the loss begins at {loss:.2f}, far above the {expected:.2f} of chance: "
            "large features need a low learning rate."
        )
    return {"loss": round(loss, 4), "loss_of_chance": round(expected, 4)}


def _are_probabilities(logits: Array, several: bool) -> bool:
    if logits.size < 2 * logits.shape[1] or logits.min() < 0 or logits.max() > 1:
        return False
    return several or bool(np.allclose(logits.sum(axis=1), 1, atol=1e-3))


def _certainty(logits: Array, several: bool) -> float:
    """Return how probable what is told is, on average."""
    if several:
        return float(expit(np.abs(logits)).mean())
    return float(softmax(logits, axis=1).max(axis=1).mean())
