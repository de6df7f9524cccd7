"""Measure whether bfloat16 and the cache change what is learned: accuracy of a frozen stage.

    python benchmarks/same_accuracy.py FOLDER --weights FILE [--alpha 0.35] [--seeds 3]

FOLDER holds a `train` and a `val` folder of class folders, FILE the weights of a MobileNetV2 of
that width. The head is trained for 20 epochs at 160 pixels, on frozen layers in float32 and in
bfloat16 (whether or not kerastl would take it), with features from an empty cache, from a full one,
and, where the cache takes nothing, from memory.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from statistics import mean
from unittest import mock

import kerastl
from kerastl.backbones.engine import has_bfloat16, has_gpu
from kerastl.data import ImageFolder
from kerastl.recipe import Backbone, Division, Recipe, Stage
from kerastl.training import trunk

# The least cosine that bfloat16 has to reach; more than 1 is never reached.
LEAST = {"float32": 2.0, "bfloat16": -1.0}
# How large the cache may grow: what the first run has kept is there for the second.
LIMITS = {"empty": "10GB", "full": "10GB", "none": "1kB"}


def main() -> None:
    """Print one row for each way."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--alpha", type=float, default=0.35)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    if has_gpu() or not has_bfloat16():
        parser.error("kerastl takes bfloat16 on processors that multiply in it, without a GPU")
    recipe = Recipe(
        name="measured",
        data=ImageFolder(arguments.folder),
        division=Division(test=0),
        backbone=Backbone(
            "MobileNetV2", 160, options={"alpha": arguments.alpha}, weights=arguments.weights
        ),
        stages=(Stage("frozen", 20, 1e-3),),
    )
    for precision in LEAST:
        for kept, found in measured(recipe, precision, arguments.seeds).items():
            cells = " | ".join(f"{value:.3f}" for value in (*found, mean(found)))
            print(f"| {precision} | {kept} | {cells} |", flush=True)


def measured(recipe: Recipe, precision: str, seeds: int) -> dict[str, list[float]]:
    """Return the validation accuracy of each seed, by the state of the cache."""
    found: dict[str, list[float]] = {kept: [] for kept in LIMITS}
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as place:
            for kept, limit in LIMITS.items():
                with (
                    mock.patch.dict(os.environ, KERASTL_CACHE=place, KERASTL_CACHE_LIMIT=limit),
                    mock.patch.object(trunk, "_LEAST_COSINE", LEAST[precision]),
                ):
                    found[kept].append(accuracy(recipe.override("seed", str(seed))))
    return found


def accuracy(recipe: Recipe) -> float:
    """Return the validation accuracy after a run."""
    with tempfile.TemporaryDirectory() as output:
        run = kerastl.run(recipe, Path(output) / "run", exporting=False)
    return run.scores["validation"].accuracy


if __name__ == "__main__":
    main()
