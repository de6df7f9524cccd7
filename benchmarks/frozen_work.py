"""Measure what it saves to do frozen work once: kerastl beside the guide of Keras.

    python benchmarks/frozen_work.py FOLDER [--weights FILE] [--only MobileNetV2-0.35] [--rounds 3]

FOLDER holds a `train` and a `val` folder of class folders. Both train on the same photos, at
160 pixels, each in a process of its own, in turn; kerastl's cache is empty. FILE holds the weights
of MobileNetV2 of width 0.35; all others are random, which takes the same time.

    frozen      20 epochs of the head, from the first photo read to the last epoch's validation
    unfrozen    an epoch of the upper 0.3 of the backbone after the first; the guide with the same
                layers, and with everything, unfrozen
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, median
from typing import Any

EPOCHS = 20
BACKBONES = {
    "MobileNetV2-0.35": ("MobileNetV2", 0.35),
    "MobileNetV2-1.0": ("MobileNetV2", 1.0),
    "EfficientNetB0": ("EfficientNetB0", None),
    "ResNet50": ("ResNet50", None),
}


def main() -> None:
    """Print one row for each backbone and round, and the medians of the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--only", choices=BACKBONES)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    folder, weights = arguments.folder.resolve(), arguments.weights
    for name, (backbone, alpha) in BACKBONES.items():
        if arguments.only in (None, name):
            file = str(weights.resolve()) if weights and alpha == 0.35 else None
            rows = [measured(folder, backbone, alpha, file) for _ in range(arguments.rounds)]
            for row in rows:
                print(name, "  ".join(f"{key} {value:.2f}" for key, value in row.items()))
            print(
                f"| {name} | {ratio(rows, 'guide', 'kerastl'):.1f} | "
                f"{ratio(rows, 'guide all', 'kerastl upper'):.1f} | "
                f"{ratio(rows, 'guide upper', 'kerastl upper'):.1f} |",
                flush=True,
            )


def ratio(rows: list[dict[str, float]], one: str, other: str) -> float:
    """Return the median of how many times as long one takes as the other."""
    return median(row[one] / row[other] for row in rows)


def measured(
    folder: Path, backbone: str, alpha: float | None, weights: str | None
) -> dict[str, float]:
    """Return the seconds of each way."""
    seconds, upper, first = kerastl(folder, backbone, alpha, weights)
    frozen, whole = guide(folder, backbone, alpha, weights)
    _, same = guide(folder, backbone, alpha, weights, "--frozen", "1", "--first", first)
    return {
        "guide": sum(frozen),
        "kerastl": seconds,
        "guide all": mean(whole[1:]),
        "guide upper": mean(same[1:]),
        "kerastl upper": upper,
    }


def guide(
    folder: Path, backbone: str, alpha: float | None, weights: str | None, *more: str
) -> list[list[float]]:
    """Return the seconds of each epoch of both stages of the guide."""
    command = [str(Path(__file__).with_name("keras_guide.py")), str(folder), backbone]
    command += ["--unfrozen", "3", *more]
    command += ["--alpha", str(alpha)] if alpha else []
    command += ["--weights", weights] if weights else []
    epochs: list[list[float]] = process([sys.executable, *command])["epochs"]
    return epochs


def kerastl(
    folder: Path, backbone: str, alpha: float | None, weights: str | None
) -> tuple[float, float, str]:
    """Return the frozen stage's seconds, those of an unfrozen epoch, and its first layer."""
    options = {"alpha": alpha} if alpha else {}
    with tempfile.TemporaryDirectory() as place:
        program = [sys.executable, "-c", RUN, str(folder), backbone, json.dumps(options)]
        found = process([*program, json.dumps(weights), place], KERASTL_CACHE=f"{place}/cache")
    return found["frozen"], found["unfrozen"], found["first"]


def process(command: list[str], **environment: str) -> dict[str, Any]:
    """Run a program, and return what it prints as JSON in its last line."""
    done = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


RUN = f"""
import json, sys
from pathlib import Path
from statistics import mean
import attrs
import kerastl
from kerastl.backbones.cuts import find_cuts, nearest_cut
from kerastl.console import console
from kerastl.data import ImageFolder
from kerastl.recipe import Backbone, Recipe, Stage

folder, name, options, weights, place = sys.argv[1:]
console.stderr = True
recipe = Recipe(
    name="measured",
    data=ImageFolder(folder),
    backbone=Backbone(name, 160, options=json.loads(options), weights=json.loads(weights)),
    stages=(Stage("frozen", {EPOCHS}, 1e-3),),
)
run = kerastl.run(recipe, Path(place) / "frozen", exporting=False)
frozen = run.seconds["reading"] + run.seconds["trunk"] + run.seconds["stage frozen"]
recipe = attrs.evolve(recipe, stages=(Stage("unfrozen", 3, 1e-5, unfreeze=0.3),))
run = kerastl.run(recipe, Path(place) / "unfrozen", exporting=False)
rows = run.directory.history.read_text().splitlines()
epochs = [float(row.rpartition(",")[2]) for row in rows[1:]]
model = recipe.build(2)
cut = nearest_cut(find_cuts(model), 0.3)
layers = [layer.name for layer in model.layers]
later = [x for x in layers[layers.index(cut.layer) + 1 :] if model.get_layer(x).weights]
print(json.dumps({{"frozen": frozen, "unfrozen": mean(epochs[-2:]), "first": later[0]}}))
"""


if __name__ == "__main__":
    main()
