"""Measure a whole `kerastl run` beside the script of the guide of Keras: seconds and accuracy.

    python benchmarks/whole_beside_guide.py FOLDER [--weights NAME=FILE] [--only ResNet50]

FOLDER holds a `train` and a `val` folder of class folders. Both train at 224 pixels, 5 epochs of
the head and 5 more: kerastl, with its `flowers` recipe, of the upper 0.3 of the backbone; the guide
of everything. Each is a process of its own, from its start to its end, in turn; kerastl's cache is
empty, and it evaluates and exports, too. The accuracy is that of the last epoch's validation. What
has no weights file has random weights.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median

from frozen_work import asked, last_line

STAGES = ["--unfreeze-after", "5", "--set", "stages.unfrozen.epochs=5"]
STAGES += ["--set", "stages.unfrozen.unfreeze=0.3"]


def main() -> None:
    """Print one row for each backbone and seed, and the means."""
    for name, about, seeds in asked(__doc__, "--seeds"):
        rows = []
        for seed in map(str, range(seeds)):
            with tempfile.TemporaryDirectory() as place:
                rows.append((*kerastl(*about, seed, place), *guide(*about, seed)))
            print(name, seed, "  ".join(f"{value:.3f}" for value in rows[-1]), flush=True)
        seconds, accuracy, guides, its_accuracy = zip(*rows, strict=True)
        ratio = median(theirs / ours for ours, theirs in zip(seconds, guides, strict=True))
        print(
            f"| {name} | {mean(seconds):.0f} s | {mean(guides):.0f} s | {ratio:.1f} | "
            f"{mean(accuracy):.3f} | {mean(its_accuracy):.3f} |",
            flush=True,
        )


def kerastl(
    folder: str, backbone: str, options: str, weights: str, seed: str, place: str
) -> tuple[float, float]:
    """Return seconds and validation accuracy of kerastl."""
    os.environ["KERASTL_CACHE"] = f"{place}/cache"
    command = [str(Path(sys.executable).parent / "kerastl"), "run", "flowers", "--data", folder]
    command += ["--backbone", backbone, "--weights", weights, "--image-size", "224", *STAGES]
    command += ["--set", "division.test=0"]
    for key, value in json.loads(options).items():
        command += ["--set", f"backbone.options.{key}={value}"]
    began = time.perf_counter()
    last_line([*command, "--seed", seed, "--output", f"{place}/run", "--json"])
    seconds = time.perf_counter() - began
    with open(f"{place}/run/history.csv") as history:
        last = list(csv.DictReader(history))[-1]
    return seconds, float(last["validation_accuracy"])


def guide(folder: str, backbone: str, options: str, weights: str, seed: str) -> tuple[float, float]:
    """Return seconds and validation accuracy of the guide."""
    script = str(Path(__file__).with_name("keras_guide.py"))
    command = [sys.executable, script, folder, backbone, "--options", options]
    command += ["--weights", weights, "--image-size", "224", "--frozen", "5", "--unfrozen", "5"]
    began = time.perf_counter()
    found = last_line([*command, "--seed", seed])
    return time.perf_counter() - began, found["accuracy"]


if __name__ == "__main__":
    main()
