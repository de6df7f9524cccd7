"""Writes a SavedModel that takes photo files as they are and needs no kerastl."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from kerastl.backbones.inference import Compiled
from kerastl.data.reader import read_image
from kerastl.files import replacing
from kerastl.recipe import SQUASH

CLASSES = "classes.txt"


def export(
    model: Compiled,
    classes: Sequence[str],
    target: Path,
    resize: str = SQUASH,
    multi_label: bool = False,
) -> None:
    """Write a SavedModel with two signatures and the class names as an asset.

    `serving_default` takes `photos`, a string tensor `[batch]` of the bytes of photo files, of any
    sizes; `image` takes `images`, float32 `[batch, size, size, 3]` of 0..255. Both answer with
    `label` (string `[batch]`), `probability` (float32 `[batch]`, of that label) and `probabilities`
    (float32 `[batch, classes]`, in the order of the asset `classes.txt`). Where photos have any
    number of labels, each has a probability for itself, and `label` is the most probable one.

    Args:
        model: From photos to logits.
        classes: Their names, in the order of the logits.
        target: The folder to write; it must not exist.
        resize: How photos become squares, as in a recipe.
        multi_label: Whether a photo has any number of labels.

    Raises:
        RunDirectoryError: The folder cannot be written.
    """
    size = model.model.inputs[0].shape[1]
    with tempfile.TemporaryDirectory() as folder, replacing(target) as partial:
        asset = Path(folder) / CLASSES
        asset.write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")
        served = tf.Module()
        # Keras's own archive traces the model five times; here it comes traced already.
        served.weights = [variable.value for variable in model.model.variables]
        served.names = _names(asset)

        @tf.function(input_signature=[tf.TensorSpec([None, size, size, 3], tf.float32, "images")])
        def image(images: tf.Tensor) -> dict[str, tf.Tensor]:
            (logits,) = model.function(images)
            squashed = tf.sigmoid(logits) if multi_label else tf.nn.softmax(logits)
            return _answer(squashed, served.names)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "photos")])
        def serving_default(photos: tf.Tensor) -> dict[str, tf.Tensor]:
            pixels = tf.map_fn(
                lambda encoded: read_image(encoded, size, resize),
                photos,
                fn_output_signature=tf.float32,
            )
            return dict(image(tf.ensure_shape(pixels, [None, size, size, 3])))

        _save(served, partial, {"serving_default": serving_default, "image": image})


def _names(asset: Path) -> tf.lookup.StaticHashTable:
    """Return the table from a class's number to its name, which carries the file as an asset."""
    lines = tf.lookup.TextFileInitializer(
        str(asset),
        key_dtype=tf.int64,
        key_index=tf.lookup.TextFileIndex.LINE_NUMBER,
        value_dtype=tf.string,
        value_index=tf.lookup.TextFileIndex.WHOLE_LINE,
    )
    return tf.lookup.StaticHashTable(lines, default_value="")


def _answer(probabilities: tf.Tensor, names: tf.lookup.StaticHashTable) -> dict[str, tf.Tensor]:
    return {
        "label": names.lookup(tf.argmax(probabilities, axis=1)),
        "probability": tf.reduce_max(probabilities, axis=1),
        "probabilities": probabilities,
    }


def _save(served: tf.Module, folder: Path, signatures: dict[str, Any]) -> None:
    try:
        tf.saved_model.save(served, str(folder), signatures)
    except tf.errors.OpError as error:
        # TensorFlow writes through its own file system, with its own errors.
        raise OSError(str(error.message).partition("\n")[0]) from error
