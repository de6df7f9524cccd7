"""Writes one file for LiteRT (TensorFlow Lite), for phones and small boards; opens it again."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import attrs
import numpy as np
import tensorflow as tf

from kerastl.cores import cores
from kerastl.errors import ExportError, UsageError, did_you_mean, one_line
from kerastl.serving.about import ABOUT, CLASSES, FLOAT16, INT8, QUANTIZATIONS, About
from kerastl.serving.archive import text_in
from kerastl.serving.foreign import converting, needed, quietly
from kerastl.serving.opened import Opened, Pixels, Values, blank
from kerastl.serving.rebuilding import without_groups
from kerastl.serving.served import Answering, Served, pixels, traced

NAME = "model.tflite"
_SIGNATURE, _IMAGES, _PROBABILITIES = "serving_default", "images", "probabilities"


def write(served: Served, folder: Path, quantization: str | None, examples: Pixels) -> None:
    """Write `folder/model.tflite`, with one signature, `serving_default`.

    It takes `images`, float32 `[batch, size, size, 3]` of 0..255 with a batch of any size, and
    gives `probabilities`, float32 `[batch, classes]`. That is so in every quantization, so that one
    file takes another's place: with `int8` the first step turns pixels into integers, the last one
    integers into probabilities, and all between is of integers. What it says of itself and the
    class names are a zip archive at its end, as TensorFlow Lite has files travel with a model.

    | quantization | weights | computes in | size |
    |---|---|---|---|
    | None | float32 | float32 | 1 |
    | `float16` | float16 | float32 | 1/2 |
    | `dynamic` | int8 | int8 where it can, activations scaled as they come | 1/4 |
    | `int8` | int8 | int8, activations scaled as for the examples (Jacob et al., 2018) | 1/4 |

    Args:
        served: What is written.
        folder: Where to.
        quantization: None, `"float16"`, `"dynamic"` or `"int8"`.
        examples: Photos like those to come, uint8 `[photos, size, size, 3]`; only `int8` needs
            them, and some hundred are enough.

    Raises:
        UsageError: There is no such quantization.
        ExportError: It cannot be converted, or `int8` has no examples.
        OSError: It cannot be written.
    """
    if quantization not in (None, *QUANTIZATIONS):
        hint = did_you_mean(quantization, QUANTIZATIONS)
        raise UsageError(f"There is no quantization {quantization!r}. {hint}")
    if quantization == INT8 and not len(examples):
        raise ExportError("int8 needs example photos to find the ranges of numbers; give some.")
    converted = _converted(served, quantization, examples)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_bytes(converted)
    with zipfile.ZipFile(folder / NAME, "a") as archive:
        archive.writestr(ABOUT, served.about.as_text())
        archive.writestr(CLASSES, served.about.names)


def _converted(served: Served, quantization: str | None, examples: Pixels) -> bytes:
    with converting("LiteRT"), tempfile.TemporaryDirectory() as name:
        # Only from a SavedModel does the converter know the names of what goes in and comes out.
        _save(attrs.evolve(served, model=without_groups(served.model)), name)
        converter = tf.lite.TFLiteConverter.from_saved_model(name, signature_keys=[_SIGNATURE])
        if quantization:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantization == FLOAT16:
            converter.target_spec.supported_types = [tf.float16]
        if quantization == INT8:
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.representative_dataset = lambda: _one_by_one(examples)
        return bytes(converter.convert())


def _one_by_one(examples: Pixels) -> Iterator[dict[str, Pixels]]:
    for image in examples:
        yield {_IMAGES: image[np.newaxis].astype(np.float32)}


def _save(served: Served, folder: str) -> None:
    answering, size = Answering(served), served.about.image_size
    answer = traced(
        lambda images: {_PROBABILITIES: answering(images).probabilities}, pixels(size, tf.float32)
    )
    tf.saved_model.save(answering.module, folder, {_SIGNATURE: answer})


def open_litert(path: Path) -> Opened:
    """Open a LiteRT file that kerastl has written; it computes on all cores.

    Raises:
        ExportError: It is damaged, or none of kerastl's; or LiteRT is not installed.
    """
    about = About.from_text(text_in(path, ABOUT), path)
    engine = needed("ai_edge_litert.interpreter", "LiteRT", "litert")
    try:
        with quietly():
            interpreter = engine.Interpreter(model_content=path.read_bytes(), num_threads=cores())
            ask = interpreter.get_signature_runner(_SIGNATURE)
            given, made = ask.get_input_details()[_IMAGES], ask.get_output_details()[_PROBABILITIES]
            photo, answer = (each["shape_signature"].tolist() for each in (given, made))
            about.require_shapes(photo, answer, path)
            ask(images=blank(about).astype(np.float32))
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        raise ExportError(f"{path} is damaged: {one_line(error)}.") from error
    return Opened(about, path, "litert", _asked(ask))


def _asked(ask: Callable[..., Any]) -> Callable[[Pixels], Values]:
    # An interpreter has one place for what goes in.
    alone = Lock()

    def probabilities(images: Pixels) -> Values:
        with alone:
            found: Values = ask(images=images.astype(np.float32, copy=False))[_PROBABILITIES]
            return found

    return probabilities
