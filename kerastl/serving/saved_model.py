"""Writes a SavedModel that takes photo files as they are and needs no kerastl; opens it again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from kerastl.backbones.signature import Signature
from kerastl.errors import ExportError, one_line
from kerastl.serving.about import ABOUT, CLASSES, NO_PHOTO, UNSURE, About
from kerastl.serving.harmless import require_harmless
from kerastl.serving.opened import Opened, Pixels, Values, blank
from kerastl.serving.reading import read_files
from kerastl.serving.served import Answering, Outputs, Served, heat_map, pixels, traced

Named = dict[str, tf.Tensor]
Signatures = dict[str, Callable[..., Named]]

_FILES = [tf.TensorSpec([None], tf.string, "photos")]
# What TensorFlow raises where parts of a SavedModel are missing or do not fit each other.
_DAMAGES = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, AssertionError),
    *(tf.errors.OpError, DecodeError),
)


def write(served: Served, folder: Path) -> None:
    """Write a SavedModel, with what it says of itself and the class names as assets.

    | signature | takes | gives |
    |---|---|---|
    | `serving_default` | `photos`: string `[batch]`, the bytes of files | the answers, `error` |
    | `image` | `images`: float32 `[batch, size, size, 3]` of 0..255 | the answers |
    | `image_uint8` | `images`: the same as uint8 | the answers |
    | `embed` | `photos` | `embedding`: float32 `[batch, channels]`, `error` |
    | `explain` | `photos` | `heat_map`: float32 `[batch, height, width]` of 0..1, the answers |

    The answers are `label` (string `[batch]`), `probability` (float32 `[batch]`), `top_labels` and
    `top_probabilities` (`[batch, labels]`, the most probable first) and `probabilities` (float32
    `[batch, classes]`, in the order of the asset `classes.txt`). Of what is no photo, `error` says
    so (else it is empty), the label is empty and all numbers are 0. `explain` is there where the
    head allows it (Zhou et al., 2016); its map is of the most probable class.

    Args:
        served: What is written.
        folder: Where to; it must not exist.

    Raises:
        OSError: It cannot be written.
    """
    about = served.about
    with tempfile.TemporaryDirectory() as name:
        assets = Path(name)
        (assets / ABOUT).write_text(about.as_text(), encoding="utf-8")
        (assets / CLASSES).write_text(about.names, encoding="utf-8")
        answering = Answering(served)
        module = answering.module
        module.assets = [tf.saved_model.Asset(str(assets / name)) for name in (ABOUT, CLASSES)]
        try:
            signatures = _signatures(answering, _answer_of(about))
            tf.saved_model.save(module, str(folder), signatures)
        except tf.errors.OpError as error:
            # TensorFlow writes through its own file system, with its own errors.
            raise OSError(str(error.message).partition("\n")[0]) from error


def _signatures(answering: Answering, answer: Callable[[tf.Tensor], Named]) -> Signatures:
    about, size = answering.served.about, answering.served.about.image_size
    # Each is traced once, however many signatures call it.
    outputs_of = traced(answering, pixels(size, tf.float32))
    reading = traced(lambda photos: read_files(photos, size, about.resize), _FILES)

    def image(images: tf.Tensor) -> Named:
        return answer(outputs_of(tf.cast(images, tf.float32)).probabilities)

    def read(photos: tf.Tensor) -> tuple[Outputs, tf.Tensor]:
        images, readable = reading(photos)
        return outputs_of(tf.ensure_shape(images, [None, size, size, 3])), readable

    def serving_default(photos: tf.Tensor) -> Named:
        outputs, readable = read(photos)
        return _told(answer(outputs.probabilities), readable)

    def embed(photos: tf.Tensor) -> Named:
        outputs, readable = read(photos)
        return _told({"embedding": outputs.embedding}, readable)

    def explain(photos: tf.Tensor) -> Named:
        outputs, readable = read(photos)
        maps = {"heat_map": heat_map(outputs)}
        return _told(answer(outputs.probabilities) | maps, readable)

    made = {
        "serving_default": traced(serving_default, _FILES),
        "image": traced(image, pixels(size, tf.float32)),
        "image_uint8": traced(image, pixels(size, tf.uint8)),
        "embed": traced(embed, _FILES),
    }
    return made | ({"explain": traced(explain, _FILES)} if answering.served.explains else {})


def _answer_of(about: About) -> Callable[[tf.Tensor], Named]:
    """Return what makes answers of probabilities."""

    def answer(probabilities: tf.Tensor) -> Named:
        values, numbers = tf.math.top_k(probabilities, about.most_labels)
        labels = tf.gather(tf.constant(about.names.splitlines()), numbers)
        label, probability = labels[:, 0], values[:, 0]
        if about.threshold is not None:
            label = tf.where(probability < about.threshold, UNSURE, label)
        return {
            "label": label,
            "probability": probability,
            "top_labels": labels,
            "top_probabilities": values,
            "probabilities": probabilities,
        }

    return answer


def _told(named: Named, readable: tf.Tensor) -> Named:
    """Return answers in which those for what is no photo are empty, and say so."""

    def only_readable(values: tf.Tensor) -> tf.Tensor:
        there = tf.reshape(readable, [-1, *[1] * (len(values.shape) - 1)])
        return tf.where(there, values, tf.zeros([], values.dtype))

    kept = {name: only_readable(values) for name, values in named.items()}
    return kept | {"error": tf.where(readable, "", NO_PHOTO)}


def open_saved_model(folder: Path) -> Opened:
    """Open a SavedModel that kerastl has written.

    A SavedModel holds no Python code, but its graph could write files: it is looked at before.

    Raises:
        ExportError: It is damaged, does more than an export does, or is none of kerastl's.
    """
    require_harmless(folder)
    about = About.read(folder / "assets" / ABOUT)
    try:
        # It keeps the variables until the signature has them.
        loaded = tf.saved_model.load(str(folder))
        ask = loaded.signatures
        _require_signatures(ask, about)
        forward = Signature(ask["image_uint8"], ask["image"]).forward("probabilities")
        forward(blank(about))
    except _DAMAGES as error:
        raise ExportError(f"{folder} is damaged: {one_line(error)}.") from error

    def embed(images: Pixels) -> Values:
        return np.asarray(ask["embed"](photos=_as_files(images))["embedding"])

    def explain(images: Pixels) -> Values:
        return np.asarray(ask["explain"](photos=_as_files(images))["heat_map"])

    return Opened(
        about,
        folder,
        "saved_model",
        lambda images: np.asarray(forward(images)[0]),
        embed,
        explain if "explain" in ask else None,
    )


def _require_signatures(ask: Mapping[str, Any], about: About) -> None:
    """Make sure that what will be asked takes and gives what it should; else raise ValueError."""
    size, classes = about.image_size, len(about.classes)
    expected = {
        "image_uint8": (pixels(size, tf.uint8), "probabilities", classes),
        "image": (pixels(size, tf.float32), "probabilities", classes),
        "embed": (_FILES, "embedding", None),
        "explain": (_FILES, "heat_map", None),
    }
    for name, (taken, output, count) in expected.items():
        if name in ask:
            _require_signature(name, ask[name], taken, output, count)
        elif name != "explain":
            raise ValueError(f"it lacks the signature {name}")


def _require_signature(
    name: str, function: Any, taken: list[tf.TensorSpec], output: str, count: int | None
) -> None:
    """Make sure of what a function takes, what it gives, and how many of that of each photo."""
    inputs = function.inputs[: len(function.inputs) - len(function.captured_inputs)]
    found, expected = (", ".join(map(_kind, each)) for each in (inputs, taken))
    if found != expected:
        raise ValueError(f"its signature {name} takes {found}, not {expected}")
    made = tf.nest.pack_sequence_as(function.structured_outputs, function.outputs)
    if output not in made or made[output].dtype != tf.float32:
        raise ValueError(f"its signature {name} does not answer with {output} of float32")
    if count is not None and made[output].shape.as_list() != [None, count]:
        raise ValueError(f"it answers with {made[output].shape[-1]} {output}, not {count}")


def _kind(of: Any) -> str:
    """Return in words what a tensor, or its specification, holds."""
    return f"{of.dtype.name} {of.shape}"


def _as_files(images: Pixels) -> tf.Tensor:
    """Return photos as PNG files, which hold the very same pixels."""
    return tf.stack([tf.io.encode_png(image) for image in images.astype(np.uint8)])
