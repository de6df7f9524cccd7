"""Asks an export what it makes of photos, as a stranger would: this program knows no kerastl.

    python witness.py KIND FOLDER QUESTIONS ANSWERS

It is run by `kerastl.serving.gate` in a process of its own. QUESTIONS is an `.npz` file of pixels,
uint8 `[photos, size, size, 3]`, of the paths of photo files, of a few of them that are to be
`seen`, and of the threshold below which a photo is unsure, or a negative one; ANSWERS becomes one
of the names of the classes, of what the export says of itself, and of the probabilities of both,
float32 `[photos, classes]`: files are `files` where the export reads them itself, and `read` where
they were read as its model card says. What it sees in a few are `embeddings`, float32 `[photos,
channels]`, and `heat_maps`, float32 `[photos, height, width]`, where it has them.
An export whose answers contradict each other is told of by the exit status.
"""

from __future__ import annotations

import json
import pathlib
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

_AT_A_TIME = 32

Ask = Callable[[Any], Any]
# What it says of itself, the classes, and what is asked of pixels, of files and of a few of them.
Found = tuple[str, list[str], Ask, Ask | None, Ask | None]
_UNSURE = "unsure"


def main() -> None:
    """Answer."""
    kind, folder, questions, answers = sys.argv[1:]
    asked = np.load(questions)
    found = _KINDS[kind](pathlib.Path(folder), float(asked["threshold"]))
    about, classes, of_pixels, of_files, seen = found
    told = {
        "about": about,
        "classes": classes,
        "pixels": _in_batches(of_pixels, asked["pixels"], len(classes)),
    }
    name = "files" if of_files else "read"
    of_files = of_files or (lambda paths: _of_read(of_pixels, paths, json.loads(about)))
    told[name] = _in_batches(of_files, asked["files"], len(classes))
    told |= seen(asked["seen"]) if seen else {}
    if "kerastl" in sys.modules:
        raise SystemExit("kerastl was needed")
    np.savez(answers, **told)


def _in_batches(ask: Ask, questions: Any, classes: int) -> Any:
    batches = range(0, len(questions), _AT_A_TIME)
    told = [np.asarray(ask(questions[start : start + _AT_A_TIME])) for start in batches]
    return np.concatenate([np.zeros((0, classes), np.float32), *told])


def _of_read(of_pixels: Ask, paths: Any, about: dict[str, Any]) -> Any:
    """Return the probabilities of photo files, NaN for those that Pillow does not read."""
    size = about["image_size"]
    squares = [_square(path, size, about["resize"]) for path in paths]
    blank = np.zeros((size, size, 3), np.float32)
    answers = of_pixels(np.stack([blank if each is None else each for each in squares]))
    unread = np.array([each is None for each in squares])
    return np.where(unread[:, np.newaxis], np.nan, answers)


def _square(path: str, size: int, resize: str) -> Any:
    """Return a photo file as float32 `[size, size, 3]`; None where Pillow does not read it."""
    from PIL import Image, ImageOps

    ways: dict[str, Any] = {"crop": ImageOps.fit, "pad": ImageOps.pad}
    try:
        with Image.open(path) as file:
            photo = ImageOps.exif_transpose(file).convert("RGB")
    # What kerastl can read, Pillow need not, and it says so by errors of any kind.
    except Exception:
        return None
    fit = ways.get(resize, Image.Image.resize)
    return np.asarray(fit(photo, (size, size), Image.Resampling.BILINEAR), np.float32)


def _saved_model(folder: pathlib.Path, threshold: float) -> Found:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    ask = loaded.signatures
    about = (folder / "assets" / "about.json").read_text(encoding="utf-8")
    names = (folder / "assets" / "classes.txt").read_text(encoding="utf-8").splitlines()

    def of_pixels(pixels: Any) -> Any:
        answer, other = (
            ask[name](images=tf.constant(pixels, kind))
            for name, kind in (("image_uint8", tf.uint8), ("image", tf.float32))
        )
        _require_consistent(answer, names, threshold)
        _require_same(answer, other, "image")
        return answer["probabilities"]

    def of_files(paths: Any) -> Any:
        answer = ask["serving_default"](photos=_bytes(paths))
        if any(answer["error"].numpy().tolist()):
            raise SystemExit("a photo that can be read has an error")
        _require_consistent(answer, names, threshold)
        return answer["probabilities"]

    def _bytes(paths: Any) -> Any:
        return tf.constant([pathlib.Path(path).read_bytes() for path in paths])

    # What is loaded is gone with the last that knows of it.
    _KEPT.append(loaded)
    return about, names, of_pixels, of_files, lambda paths: _seen(ask, _bytes(paths))


def _seen(ask: Any, photos: Any) -> dict[str, Any]:
    """Return what a SavedModel sees in photos, the bytes of files `[photos]`."""
    embeddings = ask["embed"](photos=photos)["embedding"].numpy()
    if "explain" not in ask:
        return {"embeddings": embeddings}
    answer, other = (ask[name](photos=photos) for name in ("serving_default", "explain"))
    _require_same(answer, other, "explain")
    heat_maps = other["heat_map"].numpy()
    if not ((heat_maps >= 0) & (heat_maps <= 1)).all():
        raise SystemExit("a heat map is not of 0..1")
    return {"embeddings": embeddings, "heat_maps": heat_maps}


def _require_consistent(answer: Any, names: list[str], threshold: float) -> None:
    """Make sure that labels are what the names of the classes make of the probabilities."""
    probabilities = answer["probabilities"].numpy()
    order = np.argsort(-probabilities, axis=1, kind="stable")
    best = np.take_along_axis(probabilities, order, axis=1)
    unsure = best[:, 0] < np.float32(threshold)
    first = [names[number] for number in order[:, 0]]
    label = [_UNSURE if no else name for no, name in zip(unsure, first, strict=True)]
    most = answer["top_labels"].shape[1]
    expected = {
        "label": label,
        "probability": best[:, 0].tolist(),
        "top_labels": [[names[number] for number in row[:most]] for row in order],
        "top_probabilities": best[:, :most].tolist(),
    }
    for name, values in expected.items():
        if _told(answer[name]) != values:
            raise SystemExit(f"{name} is not what the probabilities say")


def _require_same(answer: Any, other: Any, name: str) -> None:
    if not np.allclose(answer["probabilities"], other["probabilities"], atol=1e-4):
        raise SystemExit(f"the signature {name} answers otherwise")


def _told(tensor: Any) -> Any:
    values = tensor.numpy()
    # Texts come as bytes, of UTF-8.
    told = np.char.decode(values.astype(bytes), "utf-8") if values.dtype == object else values
    return told.tolist()


def _keras(folder: pathlib.Path, _: float) -> Found:
    import keras

    path = folder / "model.keras"
    model = keras.models.load_model(path, compile=False, safe_mode=True)
    return *_within(path), lambda pixels: model(pixels.astype(np.float32)), None, None


def _litert(folder: pathlib.Path, _: float) -> Found:
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

    return *_within(path), of_pixels, None, None


def _onnx(folder: pathlib.Path, _: float) -> Found:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    kept = session.get_modelmeta().custom_metadata_map

    def of_pixels(pixels: Any) -> Any:
        return session.run(["probabilities"], {"images": pixels.astype(np.float32)})[0]

    return kept["about.json"], kept["classes.txt"].splitlines(), of_pixels, None, None


def _within(path: pathlib.Path) -> tuple[str, list[str]]:
    with zipfile.ZipFile(path) as inside:
        about, names = (inside.read(name).decode() for name in ("about.json", "classes.txt"))
    return about, names.splitlines()


_KINDS = {"saved_model": _saved_model, "keras": _keras, "litert": _litert, "onnx": _onnx}
_KEPT: list[Any] = []

if __name__ == "__main__":
    main()
