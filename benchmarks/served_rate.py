"""Measure how many photos a second exports and predictions take, beside the trunk of training.

    python benchmarks/served_rate.py RUN PHOTOS [--rounds 5]

RUN is a finished run with a SavedModel, PHOTOS a folder. Everything is given the same photos in
batches of 32, in turn.

    trunk            the backbone up to its end, compiled and in the precision that training takes
    trunk, float32   the same in float32, which exports are always in
    SavedModel       its signature `image_uint8` in a process without kerastl; TensorFlow is told to
                     compute each operation on one core, and each core has a batch of its own
    export           the SavedModel as `kerastl predict` asks it
    run              the run's model as `kerastl predict` asks it
    read, trunk      files that are read and given to the trunk, as training does without a cache
    predict          `kerastl predict` on the same files, from paths to answers
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
from frozen_work import program

from kerastl import exports, trained
from kerastl.backbones.cuts import HEAD
from kerastl.cache import Cache
from kerastl.data.files import files_in
from kerastl.data.given import Given
from kerastl.data.photos import Photos, read_photos
from kerastl.labelled import Split
from kerastl.opening import open_model
from kerastl.predicting import predict_files
from kerastl.training.trunk import Trunk, trunk_of

BATCH = 32


def main() -> None:
    """Print photos a second of each, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run")
    parser.add_argument("photos")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    model, files = trained.load(arguments.run), files_in(arguments.photos)
    read = reader(files, model.image_size, model.resize)
    photos = read()
    some = photos.some(np.arange(BATCH))
    trunk, exact = (trunk_of_training(model, some, kind) for kind in ("auto", "float32"))
    print(f"{len(photos)} photos of {model.image_size} pixels; the trunk is in {trunk.precision}")
    engines = {
        "trunk": lambda: over(photos, trunk),
        "trunk, float32": lambda: over(photos, exact),
        "read, trunk": lambda: over(read(), trunk),
        **served_engines(model, photos, files),
    }
    rates: dict[str, list[float]] = {name: [] for name in ("SavedModel", *engines)}
    for run in engines.values():
        # The first time, all is made ready.
        run()
    for _ in range(arguments.rounds):
        rates["SavedModel"].append(by_tensorflow(model, photos))
        for name, run in engines.items():
            began = time.perf_counter()
            run()
            rates[name].append(len(photos) / (time.perf_counter() - began))
    for name, beside in (
        ("SavedModel", "trunk"),
        ("SavedModel", "trunk, float32"),
        ("export", "trunk, float32"),
        ("run", "trunk, float32"),
        ("predict", "read, trunk"),
    ):
        ratio = median(a / b for a, b in zip(rates[name], rates[beside], strict=True))
        print(f"{name}: {median(rates[name]):.0f} photos/s, {ratio:.2f} of {beside}")
    print(", ".join(f"{name} {median(some):.0f}" for name, some in rates.items()))


def reader(files: list[str], size: int, resize: str) -> Callable[[], Photos]:
    """Return what reads all photos anew."""
    return lambda: read_photos(Split(files, [0] * len(files)), size, resize=resize)


def trunk_of_training(model: trained.Trained, photos: Photos, precision: str) -> Trunk:
    """Return the trunk that training a head would take."""
    layers = model.model.model
    first = next(layer for layer in layers.layers if layer.name.startswith(HEAD))
    frozen = keras.Model(layers.inputs[0], first.output)
    frozen.trainable = False
    return trunk_of(frozen, precision, photos, Cache())


def served_engines(
    model: trained.Trained, photos: Photos, files: list[str]
) -> dict[str, Callable[[], object]]:
    """Return what answers, by name."""
    opened, export = model.opened(), open_model(str(export_of(model)))
    return {
        "export": lambda: over(photos, export.probabilities),
        "run": lambda: over(photos, opened.probabilities),
        "predict": lambda: [*predict_files(opened, Given(tuple(files)))],
    }


def export_of(model: trained.Trained) -> Path:
    """Return the folder of a run's newest SavedModel."""
    return exports.newest_number(model.directory.export / model.about.name)


def by_tensorflow(model: trained.Trained, photos: Photos) -> float:
    """Return how many photos a second the SavedModel answers where there is no kerastl."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photos.npy"
        np.save(file, photos.images)
        found = program(ALONE, str(export_of(model)), str(file), str(BATCH))
    return float(found["rate"])


ALONE = """
import json, os, sys, time
from concurrent.futures import ThreadPoolExecutor
os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_ENABLE_ONEDNN_OPTS": "1"}
import numpy as np, tensorflow as tf

loaded, photos, size = tf.saved_model.load(sys.argv[1]), np.load(sys.argv[2]), int(sys.argv[3])
ask = loaded.signatures["image_uint8"]
batches = [photos[start : start + size] for start in range(0, len(photos), size)]

def answered(batch):
    return ask(images=tf.constant(batch))["probabilities"].numpy()

with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
    list(pool.map(answered, batches))
    began, passes = time.perf_counter(), 0
    # A pass alone may be over in a sixth of a second.
    while time.perf_counter() - began < 2:
        list(pool.map(answered, batches))
        passes += 1
print(json.dumps({"rate": passes * len(photos) / (time.perf_counter() - began)}))
"""


def over(photos: Photos, run: Callable[[np.ndarray], object]) -> None:
    """Run all photos batch by batch."""
    for start in range(0, len(photos), BATCH):
        run(photos.images[start : start + BATCH])


if __name__ == "__main__":
    main()
