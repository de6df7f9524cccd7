"""Measure how far each format's answers are from Keras's, for every constructor.

    python benchmarks/formats.py formats.md [--only ConvNeXtTiny,VGG16] [--formats SavedModel,Keras]

Each constructor of `keras.applications` is built at the smallest size that it allows, or at which
photos get different answers (what is deep may lose them in the last few pixels), with random
weights, statistics of batch normalisation estimated on the photos, and logits of a deviation of 1,
so that neither features nor probabilities vanish. The largest difference of a probability on four
photos goes into a Markdown table, or the reason why there is none. `last digit` is how much Keras's
own answers change where each pixel is changed by the last digit of a float32: a format cannot be
held to less. Constructors that the table has already are skipped, so that it can be broken off and
gone on with.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from kerastl.backbones.adapter import constructors, graph
from kerastl.errors import UsageError, one_line
from kerastl.recipe import Backbone, Head
from kerastl.serving import keras_file, litert, onnx_file, saved_model
from kerastl.serving.about import About
from kerastl.serving.opened import Opened
from kerastl.serving.served import Served, served
from kerastl.training.head import add_head
from kerastl.training.normalization import estimate_statistics

SIZES = (32, 64, 71, 75, 96, 128, 224)
CLASSES = ("one", "two", "three", "four")
PHOTOS, LEARNT_FROM = 4, 64
# One small member of each family; they come first.
FAMILIES = (
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "DenseNet121",
    "ResNet50",
    "ResNet50V2",
    "ConvNeXtTiny",
    "NASNetMobile",
    "InceptionV3",
    "InceptionResNetV2",
    "Xception",
    "VGG16",
)

Photos = npt.NDArray[np.uint8]


def _litert(served: Served, folder: Path, photos: Photos) -> Opened:
    litert.write(served, folder, None, photos)
    return litert.open_litert(folder / litert.NAME)


def _onnx(served: Served, folder: Path, photos: Photos) -> Opened:
    onnx_file.write(served, folder)
    return onnx_file.open_onnx(folder / onnx_file.NAME)


def _keras(served: Served, folder: Path, photos: Photos) -> Opened:
    keras_file.write(served, folder)
    return keras_file.open_keras_file(folder / keras_file.NAME)


def _saved_model(served: Served, folder: Path, photos: Photos) -> Opened:
    saved_model.write(served, folder)
    return saved_model.open_saved_model(folder)


FORMATS: dict[str, Callable[[Served, Path, Photos], Opened]] = {
    "SavedModel": _saved_model,
    "Keras": _keras,
    "LiteRT": _litert,
    "ONNX": _onnx,
}
HEADER = ("constructor", "size", *FORMATS, "last digit")


def main() -> None:
    """Add to the table what it lacks, each constructor in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--only", default="", help="constructors, with commas between")
    parser.add_argument("--formats", default=",".join(FORMATS), help="those that are tried")
    parser.add_argument("--one", action="store_true", help="print the row of --only alone")
    arguments = parser.parse_args()
    if arguments.one:
        print(_line(row(arguments.only, arguments.formats.split(","))))
        return
    names = arguments.only.split(",") if arguments.only else [*FAMILIES, *constructors()]
    for name in dict.fromkeys(names):
        _add(arguments.table, name, arguments.formats)


def _add(table: Path, name: str, formats: str) -> None:
    if not table.exists():
        table.write_text(f"{_line(HEADER)}\n{_line(['---'] * len(HEADER))}\n", encoding="utf-8")
    if f"| {name} |" in table.read_text(encoding="utf-8"):
        return
    command = [sys.executable, __file__, str(table), "--one", "--only", name]
    command += ["--formats", formats]
    done = subprocess.run(command, capture_output=True, text=True)
    found = done.stdout.strip().rpartition("\n")[2]
    if done.returncode:
        why = done.stderr.strip().rpartition("\n")[2].replace("|", "/")
        found = _line((name, "", f"status {done.returncode}: {why}", *[""] * len(FORMATS)))
    print(found, flush=True)
    with table.open("a", encoding="utf-8") as file:
        file.write(f"{found}\n")


def _line(cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"  # type: ignore[call-overload]


def row(name: str, formats: Sequence[str]) -> list[object]:
    """Return the cells of a constructor; what is not tried is a dash."""
    size, one, photos = _built(name)
    exact, given = one.as_keras(), photos.astype(np.float32)
    expected = exact.predict_on_batch(given)
    nearly = np.nextafter(given, np.float32(256))
    return [
        name,
        size,
        *(
            _difference(write, one, photos, expected) if each in formats else "-"
            for each, write in FORMATS.items()
        ),
        _told(exact.predict_on_batch(nearly) - expected),
    ]


def _built(name: str) -> tuple[int, Served, Photos]:
    """Return the smallest size that can be built and tells photos apart, its model, and photos."""
    for size in SIZES:
        keras.utils.set_random_seed(1)
        try:
            backbone, _ = graph(Backbone(name, size, weights=(None,)))
        except UsageError:
            continue
        _begin(backbone)
        logits = add_head(backbone.outputs[0], Head(), len(CLASSES), seed=1)
        model, photos = keras.Model(backbone.inputs[0], logits, name=name), _photos(size)
        estimate_statistics(model, [photos])
        kernel = model.layers[-1].kernel
        kernel.assign(kernel / np.std(model.predict_on_batch(photos)))
        one, some = served(model, About(name, CLASSES, size)), photos[:PHOTOS]
        if np.ptp(one.as_keras().predict_on_batch(some), axis=0).max() > 1e-3:
            return size, one, some
    raise UsageError(f"{name} cannot be built, or tells no photos apart, at any of {SIZES}.")


def _begin(backbone: keras.Model) -> None:
    """Give every kernel of a convolution He's random values, which keep a signal's size."""
    for number, weight in enumerate(backbone.trainable_variables):
        if len(weight.shape) == 4:
            values = keras.initializers.HeNormal(seed=number)(weight.shape)
            depthwise = weight.path.endswith("depthwise_kernel") or weight.shape[2] == 1
            # Keras counts what goes into all of the channels; a depthwise one sees one of them.
            weight.assign(values * (weight.shape[2] ** 0.5 if depthwise else 1))


def _photos(size: int) -> Photos:
    """Return smooth colour fields."""
    corners = np.random.default_rng(1).uniform(0, 255, (LEARNT_FROM, 6, 6, 3))
    smooth = keras.ops.image.resize(corners, (size, size), interpolation="bicubic")
    return np.clip(np.asarray(smooth), 0, 255).astype(np.uint8)


def _difference(
    write: Callable[[Served, Path, Photos], Opened],
    served: Served,
    photos: Photos,
    expected: npt.NDArray[np.float32],
) -> str:
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = write(served, Path(folder) / "1", photos).probabilities(photos)
        except Exception as error:
            return one_line(error, 120).replace("|", "/")
    return _told(found - expected)


def _told(differences: npt.NDArray[np.float32]) -> str:
    return f"{np.abs(differences).max():.1e}"


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
