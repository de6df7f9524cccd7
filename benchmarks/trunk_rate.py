"""Measure how many photos a second the compiled trunk takes, beside Keras and OpenVINO.

    python benchmarks/trunk_rate.py FOLDER [--weights NAME=FILE] [--only ResNet50] [--rounds 5]

FOLDER holds a `train` and a `val` folder of class folders. Every engine is given the same photos of
160 pixels in batches of 32, in turn, in one process. What has no weights file has the random
weights that Keras gives it. OpenVINO is measured where it is installed: `pip install openvino`.

    predict       `model.predict` of Keras
    float32       kerastl's trunk in float32
    bfloat16      kerastl's trunk in bfloat16, and the least cosine between its features and those
                  in float32; kerastl takes it by itself from 0.999 on
    openvino      OpenVINO, in both
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np

from kerastl.backbones.adapter import graph
from kerastl.backbones.weights import load_file
from kerastl.data import ImageFolder
from kerastl.data.photos import read_photos
from kerastl.recipe import Backbone, Division
from kerastl.training.trunk import Frozen, Trunk, cosine

BACKBONES = {
    "MobileNetV2-0.35": Backbone("MobileNetV2", 160, options={"alpha": 0.35}),
    "MobileNetV2-1.0": Backbone("MobileNetV2", 160),
    "EfficientNetB0": Backbone("EfficientNetB0", 160),
    "ResNet50": Backbone("ResNet50", 160),
}
BATCH = 32
PHOTOS = 160

Engine = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    """Print photos a second of every engine, and the ratios, for each backbone."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--weights", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--only", choices=BACKBONES)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    files = dict(item.split("=", 1) for item in arguments.weights)
    validation = ImageFolder(arguments.folder).load(0, Division(test=0)).validation
    images = read_photos(validation, 160).images[:PHOTOS]
    for name, backbone in BACKBONES.items():
        if arguments.only in (None, name):
            measure(name, pooled(backbone, files.get(name)), images, arguments.rounds)


def pooled(backbone: Backbone, file: str | None) -> keras.Model:
    """Return the backbone with the mean of each channel at its end."""
    keras.utils.set_random_seed(0)
    model, _ = graph(backbone)
    if file:
        load_file(model, Path(file))
    model = keras.Model(model.inputs[0], keras.layers.GlobalAveragePooling2D()(model.outputs[0]))
    model.trainable = False
    return model


def measure(name: str, model: keras.Model, images: np.ndarray, rounds: int) -> None:
    """Run all engines in turn, and print what came of it."""
    engines = engines_of(model)
    first = {engine: run(images[:BATCH]) for engine, run in engines.items()}
    rates: dict[str, list[float]] = {engine: [] for engine in engines}
    for _ in range(rounds):
        for engine, run in engines.items():
            began = time.perf_counter()
            run(images)
            rates[engine].append(len(images) / (time.perf_counter() - began))
    for engine, some in rates.items():
        ratio = median(one / other for one, other in zip(some, rates["predict"], strict=True))
        agreement = cosine(first[engine], first["float32"])
        figures = f"{median(some):.0f} | {ratio:.2f} | {agreement:.5f}"
        print(f"| {name} | {engine} | {figures} |", flush=True)


def engines_of(model: keras.Model) -> dict[str, Engine]:
    """Return all that can run a model here, by name."""
    layers = Frozen(model)
    engines: dict[str, Engine] = {
        "predict": lambda photos: model.predict(photos.astype(np.float32), BATCH, verbose=0)
    }
    for precision in ("float32", "bfloat16"):
        trunk = Trunk(layers, precision)
        engines[precision] = in_batches(lambda batch, trunk=trunk: trunk(batch)[0])
    if find_spec("openvino"):
        for precision in ("f32", "bf16"):
            engines[f"openvino {precision}"] = openvino_of(model, precision)
    return engines


def in_batches(run: Engine) -> Engine:
    """Return what runs the photos batch by batch, as `model.predict` does by itself."""
    return lambda photos: np.concatenate(
        [run(photos[start : start + BATCH]) for start in range(0, len(photos), BATCH)]
    )


def openvino_of(model: keras.Model, precision: str) -> Engine:
    """Return a model compiled by OpenVINO."""
    import openvino
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((BATCH, *model.input_shape[1:]), tf.float32)])
    def forward(photos: tf.Tensor) -> tf.Tensor:
        return model(photos, training=False)

    converted = openvino.convert_model(forward)
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(converted, "CPU", options)
    return in_batches(lambda batch: compiled(batch.astype(np.float32))[0])


if __name__ == "__main__":
    main()
