"""Measure the memory of a run on many photos: features come from disk, and none are held.

    python benchmarks/memory.py [--photos 50000] [--share 0.3]

The photos are small JPEGs made here. MobileNetV2 of width 0.35 at 160 pixels with random weights
learns for one epoch from the cut of that share on, with an empty cache; it needs 5 GB of disk.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
from pathlib import Path

import attrs
import numpy as np
import tensorflow as tf

import kerastl
from kerastl.cache import Cache
from kerastl.data.dataset import chosen_from
from kerastl.labelled import Division, Labelled, Split
from kerastl.recipe import Backbone, Recipe, Stage

SIZE = 160
CLASSES = ("dark", "light")
# So many different pictures there are; each photo is one of them and yet a file of its own.
PICTURES = 64
VALIDATION = 1000


def main() -> None:
    """Print how many bytes the features have, and the most that the process had in memory."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=50_000)
    parser.add_argument("--share", type=float, default=0.3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.environ["KERASTL_CACHE"] = f"{place}/cache"
        seconds = run(arguments.photos, arguments.share, Path(place) / "run")
        kept = Cache().kept()
    for table in kept:
        print(f"{table.name}: {table.size / 1e9:.2f} GB on disk")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{arguments.photos} photos, {seconds:.0f} s, most memory {peak / 1e9:.2f} GB")


def run(photos: int, share: float, output: Path) -> float:
    """Train for one epoch, and return the seconds of the whole run."""
    recipe = Recipe(
        name="many",
        data=Many(photos),
        division=Division(test=0),
        backbone=Backbone("MobileNetV2", SIZE, options={"alpha": 0.35}, weights=None),
        stages=(Stage("unfrozen", 1, 1e-4, unfreeze=share),),
    )
    return kerastl.run(recipe, output, exporting=False).seconds["total"]


@attrs.frozen
class Many:
    """So many photos of two classes."""

    photos: int

    def find(self) -> Labelled:
        """Return a small validation split and a large one to learn from."""
        train, validation = self.split(VALIDATION, self.photos), self.split(0, VALIDATION)
        return Labelled.of({"train": train, "validation": validation}, CLASSES)

    def split(self, start: int, stop: int) -> Split:
        """Return the photos of these numbers."""
        numbers = range(start, stop)
        return Split(
            names=tuple(map(str, numbers)),
            labels=tuple(number % len(CLASSES) for number in numbers),
            encoded=chosen_from(lambda: encoded(start, stop)),
        )


def encoded(start: int, stop: int) -> tf.data.Dataset:
    """Return the bytes of the photos; what follows a JPEG's end tells each from all others."""
    dark = np.random.default_rng(0).integers(0, 128, (PICTURES, 8, 8, 3))
    light = np.arange(PICTURES).reshape(-1, 1, 1, 1) % 2 * 127
    small = dark + light
    large = tf.cast(tf.image.resize(small, [SIZE, SIZE]), tf.uint8)
    pictures = tf.stack([tf.io.encode_jpeg(picture) for picture in large])
    numbers = tf.data.Dataset.range(start, stop)
    return numbers.map(lambda number: pictures[number % PICTURES] + tf.strings.as_string(number))


if __name__ == "__main__":
    main()
