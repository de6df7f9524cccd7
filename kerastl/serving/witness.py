"""Asks an export what it makes of photos, as a stranger would: this program knows no kerastl.

    python witness.py KIND FOLDER QUESTIONS ANSWERS

It is run by `kerastl.serving.gate` in a process of its own. QUESTIONS is an `.npz` file of pixels,
uint8 `[photos, size, size, 3]`, and of the paths of photo files; ANSWERS becomes one of the names
of the classes and of the probabilities of both, float32 `[photos, classes]`.
"""

from __future__ import annotations

import pathlib
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

_AT_A_TIME = 32

Ask = Callable[[Any], Any]


def main() -> None:
    """Answer."""
    kind, folder, questions, answers = sys.argv[1:]
    classes, of_pixels, of_files = _KINDS[kind](pathlib.Path(folder))
    asked = np.load(questions)
    told = {"classes": classes, "pixels": _in_batches(of_pixels, asked["pixels"], len(classes))}
    if of_files:
        told["files"] = _in_batches(of_files, asked["files"], len(classes))
    if "kerastl" in sys.modules:
        raise SystemExit("kerastl was needed")
    np.savez(answers, **told)


def _in_batches(ask: Ask, questions: Any, classes: int) -> Any:
    batches = range(0, len(questions), _AT_A_TIME)
    told = [np.asarray(ask(questions[start : start + _AT_A_TIME])) for start in batches]
    return np.concatenate([np.zeros((0, classes), np.float32), *told])


def _saved_model(folder: pathlib.Path) -> tuple[list[str], Ask, Ask | None]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    ask = loaded.signatures
    names = (folder / "assets" / "classes.txt").read_text(encoding="utf-8").splitlines()

    def of_pixels(pixels: Any) -> Any:
        return _told(ask["image_uint8"](images=tf.constant(pixels)))

    def of_files(paths: Any) -> Any:
        files = [pathlib.Path(path).read_bytes() for path in paths]
        return _told(ask["serving_default"](photos=tf.constant(files)))

    def _told(answer: Any) -> Any:
        # The first label has to be the one that the class names give to the largest probability.
        likeliest = answer["probabilities"].numpy().argmax(axis=1)
        first = [label.decode() for label in answer["top_labels"].numpy()[:, 0].tolist()]
        if any(label not in ("", names[n]) for label, n in zip(first, likeliest, strict=True)):
            raise SystemExit("a label is not the name of the most probable class")
        return answer["probabilities"]

    # What is loaded is gone with the last that knows of it.
    _KEPT.append(loaded)
    return names, of_pixels, of_files


def _keras(folder: pathlib.Path) -> tuple[list[str], Ask, Ask | None]:
    import keras

    path = folder / "model.keras"
    model = keras.models.load_model(path, compile=False, safe_mode=True)
    return _names_within(path), lambda pixels: model(pixels.astype(np.float32)), None


def _litert(folder: pathlib.Path) -> tuple[list[str], Ask, Ask | None]:
    from ai_edge_litert.interpreter import Interpreter

    path = folder / "model.tflite"
    interpreter = Interpreter(str(path))
    entry = interpreter.get_input_details()[0]["index"]
    exit_ = interpreter.get_output_details()[0]["index"]

    def of_pixels(pixels: Any) -> Any:
        return np.concatenate([_of_one(photo) for photo in pixels[:, np.newaxis]])

    def _of_one(photo: Any) -> Any:
        interpreter.resize_tensor_input(entry, photo.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(entry, photo.astype(interpreter.get_input_details()[0]["dtype"]))
        interpreter.invoke()
        return interpreter.get_tensor(exit_).copy()

    return _names_within(path), of_pixels, None


def _onnx(folder: pathlib.Path) -> tuple[list[str], Ask, Ask | None]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    names = session.get_modelmeta().custom_metadata_map["classes.txt"].splitlines()

    def of_pixels(pixels: Any) -> Any:
        return session.run(["probabilities"], {"images": pixels.astype(np.float32)})[0]

    return names, of_pixels, None


def _names_within(path: pathlib.Path) -> list[str]:
    with zipfile.ZipFile(path) as inside:
        return inside.read("classes.txt").decode().splitlines()


_KINDS = {"saved_model": _saved_model, "keras": _keras, "litert": _litert, "onnx": _onnx}
_KEPT: list[Any] = []

if __name__ == "__main__":
    main()
