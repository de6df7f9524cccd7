"""Measure what it saves to do frozen work once: kerastl beside the guide of Keras.

    python benchmarks/frozen_work.py FOLDER [--weights NAME=FILE] [--only ResNet50] [--rounds 3]

FOLDER holds a `train` and a `val` folder of class folders. Both train on the same photos, at
160 pixels, each in a process of its own, in turn; kerastl's cache is empty. FILE holds the weights
of that backbone; what has none has random weights, the statistics of batch normalisation, too.

    frozen      20 epochs of the head, from the first photo read to the last epoch's validation:
                how many times as long the guide takes
    all         an epoch of the upper 0.3 of the backbone, after the first: how many times as long
                the guide takes with everything unfrozen
    same        the same, with the same layers unfrozen
    again       seconds from the import's end to the first epoch of a second run with another head
    limit       how many times as long the frozen stage takes as decoding every photo once and one
                pass of the trunk in OpenVINO, bfloat16; where it is installed
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, median
from typing import Any

EPOCHS = 20
BACKBONES: dict[str, tuple[str, dict[str, float]]] = {
    "MobileNetV2-0.35": ("MobileNetV2", {"alpha": 0.35}),
    "MobileNetV2-1.0": ("MobileNetV2", {}),
    "EfficientNetB0": ("EfficientNetB0", {}),
    "ResNet50": ("ResNet50", {}),
}


def main() -> None:
    """Print one row for each backbone and round, and the medians of the ratios."""
    for name, about, rounds in asked(__doc__, "--rounds"):
        with tempfile.TemporaryDirectory() as place:
            rows = [measured(about, f"{place}/{number}") for number in range(rounds)]
        print(f"| {name} | {' | '.join(cells(rows))} |", flush=True)


def asked(about: str, times: str) -> Iterator[tuple[str, list[str], int]]:
    """Read the command line, and yield what there is to measure.

    Args:
        about: What the program says of itself.
        times: The option that says how often.

    Yields:
        The name of a backbone; its folder of photos, constructor, options as JSON, and weights
        file; how often.
    """
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--only", choices=BACKBONES)
    parser.add_argument(times, dest="times", type=int, default=3)
    arguments = parser.parse_args()
    files = dict(item.split("=", 1) for item in arguments.weights)
    folder = str(arguments.folder.resolve())
    for name, (backbone, options) in BACKBONES.items():
        if arguments.only in (None, name):
            with tempfile.TemporaryDirectory() as place:
                file = files.get(name) or random_weights(backbone, options, place)
                weights = str(Path(file).resolve())
                yield name, [folder, backbone, json.dumps(options), weights], arguments.times


def cells(rows: list[dict[str, float]]) -> list[str]:
    """Return the medians, in the order of the table."""
    pairs = {"guide": "kerastl", "guide all": "kerastl upper", "guide upper": "kerastl upper"}
    found = [median(row[one] / row[other] for row in rows) for one, other in pairs.items()]
    found.append(median(row["again"] for row in rows))
    if "limit" in rows[0]:
        found.append(median(row["kerastl"] / row["limit"] for row in rows))
    return [f"{value:.1f}" for value in found]


def measured(about: list[str], place: str) -> dict[str, float]:
    """Return the seconds of each way, and print them."""
    cold = program(RUN, *about, place, "0.2")
    again = program(RUN, *about, place, "0.5")
    frozen, whole = guide(*about)
    _, same = guide(*about, "--frozen", "1", "--first", cold["first"])
    row = {
        "guide": sum(frozen),
        "kerastl": cold["frozen"],
        "guide all": mean(whole[1:]),
        "guide upper": mean(same[1:]),
        "kerastl upper": cold["unfrozen"],
        "again": again["before"],
    }
    if find_spec("openvino"):
        row |= program(LIMIT, *about)
    print("  ".join(f"{key} {value:.2f}" for key, value in row.items()), flush=True)
    return row


def guide(folder: str, backbone: str, options: str, weights: str, *more: str) -> list[list[float]]:
    """Return the seconds of each epoch of both stages of the guide."""
    command = [sys.executable, str(Path(__file__).with_name("keras_guide.py")), folder, backbone]
    command += ["--options", options, "--weights", weights, "--unfrozen", "3", *more]
    epochs: list[list[float]] = last_line(command)["epochs"]
    return epochs


def random_weights(backbone: str, options: dict[str, float], place: str) -> str:
    """Write weights that nobody has trained, and return the file."""
    file = f"{place}/random.weights.h5"
    program(RANDOM, backbone, json.dumps(options), file)
    return file


def program(text: str, *arguments: str) -> dict[str, Any]:
    """Run a program, and return what it prints as JSON in its last line."""
    return last_line([sys.executable, "-c", text, *arguments])


def last_line(command: list[str]) -> dict[str, Any]:
    """Run a command, and return its last line."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


RANDOM = """
import json, sys
import keras, numpy as np

backbone, options, file = sys.argv[1:]
keras.utils.set_random_seed(0)
model = getattr(keras.applications, backbone)(
    include_top=False, weights=None, input_shape=(160, 160, 3), **json.loads(options)
)
# Those that Keras begins with, all of them 0 and 1, would let steps vanish that trained ones need.
random = np.random.default_rng(0)
for layer in model.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.beta.assign(random.normal(0, 0.1, layer.beta.shape))
        layer.moving_mean.assign(random.normal(0, 0.1, layer.beta.shape))
model.save_weights(file)
print("{}")
"""

RUN = f"""
import json, os, sys
from pathlib import Path
from statistics import mean

folder, name, options, weights, place, dropout = sys.argv[1:]
os.environ["KERASTL_CACHE"] = place + "/cache"

import attrs
import kerastl
from kerastl.backbones.cuts import find_cuts, nearest_cut
from kerastl.console import console
from kerastl.data import ImageFolder
from kerastl.recipe import Backbone, Division, Head, Recipe, Stage

console.stderr = True
recipe = Recipe(
    name="measured",
    data=ImageFolder(folder),
    division=Division(test=0),
    backbone=Backbone(name, 160, options=json.loads(options), weights=weights),
    head=Head(dropout=float(dropout)),
    stages=(Stage("frozen", {EPOCHS}, 1e-3),),
)
output = Path(place) / dropout
PARTS = ("reading", "checking", "trunk", "stage frozen")
run = kerastl.run(recipe, output / "frozen", exporting=False)
found = {{"before": run.seconds["before the first epoch"]}}
found["frozen"] = sum(run.seconds[part] for part in PARTS)
recipe = attrs.evolve(recipe, stages=(Stage("unfrozen", 3, 1e-5, unfreeze=0.3),))
run = kerastl.run(recipe, output / "unfrozen", exporting=False)
rows = run.directory.history.read_text().splitlines()
epochs = [float(row.rpartition(",")[2]) for row in rows[1:]]
model = recipe.build(2)
cut = nearest_cut(find_cuts(model), 0.3)
layers = [layer.name for layer in model.layers]
later = [x for x in layers[layers.index(cut.layer) + 1 :] if model.get_layer(x).weights]
print(json.dumps(found | {{"unfrozen": mean(epochs[-2:]), "first": later[0]}}))
"""

LIMIT = f"""
import json, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})

import numpy as np
from trunk_rate import BATCH, openvino_of, pooled
from kerastl.data import ImageFolder
from kerastl.data.photos import read_photos
from kerastl.recipe import Backbone, Division

folder, name, options, weights = sys.argv[1:]
model = pooled(Backbone(name, 160, options=json.loads(options)), weights)
trunk = openvino_of(model, "bf16")
splits = ImageFolder(folder).load(0, Division(test=0))
trunk(np.zeros((BATCH, 160, 160, 3), np.uint8))
began = time.perf_counter()
photos = [read_photos(split, 160) for split in (splits.train, splits.validation)]
for some in photos:
    # OpenVINO has a shape to itself: what is left over makes no batch.
    trunk(some.images[: len(some) // BATCH * BATCH])
print(json.dumps({{"limit": time.perf_counter() - began}}))
"""


if __name__ == "__main__":
    main()
