"""Measure what pretrained weights are worth on the drawn candy.

    python benchmarks/candy_from_random.py WEIGHTS [--seeds 3]

Beside the recipe, the same network is trained from random weights for as many epochs. It is given a
fair chance: every layer learns, batch normalisation among them, with a momentum of 0.9, since with
Keras's own 0.999 its statistics would be far from the truth after so few steps.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import mean

import attrs
import keras
import numpy as np

import kerastl
from kerastl.console import console
from kerastl.data import read_photos
from kerastl.recipe import Recipe


def main() -> None:
    """Print the test accuracies of both, seed by seed, and their means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    console.quiet = True
    rows = []
    for seed in range(arguments.seeds):
        recipe = attrs.evolve(kerastl.find("candy"), seed=seed)
        weights = attrs.evolve(recipe.backbone, weights=arguments.weights)
        rows.append((transferred(attrs.evolve(recipe, backbone=weights)), from_random(recipe)))
        print(f"seed {seed}  pretrained {rows[-1][0]:.3f}  random {rows[-1][1]:.3f}", flush=True)
    pretrained, random = map(mean, zip(*rows, strict=True))
    print(f"mean    pretrained {pretrained:.3f}  random {random:.3f}")


def transferred(recipe: Recipe) -> float:
    """Return the test accuracy of the recipe."""
    with tempfile.TemporaryDirectory() as folder:
        run = kerastl.run(recipe, Path(folder) / "run", exporting=False)
        return run.scores["test"].accuracy


def from_random(recipe: Recipe) -> float:
    """Return the test accuracy of the network when all of it learns from random weights."""
    keras.utils.set_random_seed(recipe.seed)
    random = attrs.evolve(recipe.backbone, weights=None)
    model = attrs.evolve(recipe, backbone=random).build(classes=4)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9
    splits = recipe.data.load(recipe.seed)
    train, test = (
        read_photos(split, recipe.backbone.image_size) for split in (splits.train, splits.test)
    )
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    epochs = sum(stage.epochs for stage in recipe.stages)
    images = train.images.astype(np.float32)
    model.fit(images, train.labels, batch_size=recipe.batch_size, epochs=epochs, verbose=0)
    logits = model.predict(test.images.astype(np.float32), verbose=0)
    return float((logits.argmax(axis=1) == test.labels).mean())


if __name__ == "__main__":
    main()
