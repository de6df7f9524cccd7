"""Measure accuracy and seconds of `kerastl run`, whole processes, over seeds.

    python benchmarks/whole_run.py DATA [--seeds 3] [--only candy]

`candy` is the first run on a machine without a network: the photos have to be drawn, and the
weights are those that kerastl ships. DATA holds `candy_photos`, `flowers` and `weights`, the same
as the tests' `KERASTL_TEST_DATA`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

WEIGHTS = "weights/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
IMAGENET = ["--weights", f"{{data}}/{WEIGHTS}"]
ALPHA = ["--backbone", "MobileNetV2", "--set", "backbone.options.alpha=0.35"]
FLOWERS = ["flowers", *ALPHA, "--image-size", "224", "--set", "division.test=0"]
RUNS = {
    "candy": (["candy", "--offline"], "test"),
    "candy, ImageNet": (["candy", *IMAGENET], "test"),
    "candy_photos": (["candy", "--data", "{data}/candy_photos", *IMAGENET], "test"),
    "flowers": ([*FLOWERS, "--data", "{data}/flowers", *IMAGENET], "validation"),
}


def main() -> None:
    """Print one row for each recipe and seed, and the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=RUNS)
    arguments = parser.parse_args()
    for name, (recipe, split) in RUNS.items():
        if arguments.only not in (None, name):
            continue
        rows = []
        for seed in range(arguments.seeds):
            seconds, result = run(arguments.data.resolve(), recipe, seed)
            rows.append((result["scores"][split]["accuracy"], seconds))
            print(f"{name}  seed {seed}  {split} accuracy {rows[-1][0]:.3f}  {seconds:.1f} s")
        accuracy, seconds = map(mean, zip(*rows, strict=True))
        print(f"{name}  mean    {split} accuracy {accuracy:.3f}  {seconds:.1f} s", flush=True)


def run(data: Path, recipe: list[str], seed: int) -> tuple[float, dict[str, Any]]:
    """Run the program; return its seconds from start to end, and what it printed as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        command = [Path(sys.executable).parent / "kerastl", "run"]
        command += [each.format(data=data) for each in recipe]
        command += ["--unfreeze-after", "5", "--seed", str(seed), "--json"]
        # Nothing is there yet that an earlier run has drawn or fetched.
        caches = {"KERASTL_CACHE": f"{folder}/kerastl", "KERAS_HOME": f"{folder}/keras"}
        began = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **caches},
            capture_output=True,
            text=True,
            check=True,
        )
        return time.perf_counter() - began, json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
