"""Measure accuracy and seconds of `kerastl run`, whole processes, over seeds.

    python benchmarks/whole_run.py DATA [--seeds 3]

DATA holds `candy_photos`, `flowers` and `weights`, the same as the tests' `KERASTL_TEST_DATA`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

WEIGHTS = "weights/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
ALPHA = ["--backbone", "MobileNetV2", "--set", "backbone.options.alpha=0.35"]
RUNS = {
    "candy_photos": (["candy"], "test"),
    "flowers": (["flowers", *ALPHA, "--image-size", "224"], "validation"),
}


def main() -> None:
    """Print one row for each recipe and seed, and the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    for photos, (recipe, split) in RUNS.items():
        rows = []
        for seed in range(arguments.seeds):
            seconds, result = run(arguments.data.resolve(), photos, recipe, seed)
            rows.append((result["scores"][split]["accuracy"], seconds))
            print(f"{photos}  seed {seed}  {split} accuracy {rows[-1][0]:.3f}  {seconds:.1f} s")
        accuracy, seconds = map(mean, zip(*rows, strict=True))
        print(f"{photos}  mean    {split} accuracy {accuracy:.3f}  {seconds:.1f} s", flush=True)


def run(data: Path, photos: str, recipe: list[str], seed: int) -> tuple[float, dict[str, Any]]:
    """Run the program; return its seconds from start to end, and what it printed as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        command = [Path(sys.executable).parent / "kerastl", "run", *recipe]
        command += ["--data", data / photos, "--weights", data / WEIGHTS]
        command += ["--unfreeze-after", "5", "--seed", str(seed), "--json"]
        began = time.perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        return time.perf_counter() - began, json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
